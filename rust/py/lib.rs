//! The Python binding: functions in, arrays and plain dicts out. No arithmetic and no state.

use pyo3::prelude::*;

mod api;
mod convert;
mod error;
mod interval_api;
mod run;

#[pymodule(gil_used = false)]
mod _core {
    use super::*;

    #[pymodule_export]
    use api::{
        _panic, band, bootstrap, fit, jacobian, law_info, objective, predict, predict_draws, resample_weights, simd,
    };

    #[pymodule_export]
    use interval_api::{double_bootstrap, ends, f_cdf, intervals, leverages, quantity_draws, resample_response, study};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("STATUS", api::status_table())?;
        module.add("DEBUG", cfg!(debug_assertions))
    }
}
