//! The Python binding: functions in, arrays and plain dicts out. No arithmetic and no state.

use pyo3::prelude::*;

mod api;
mod convert;
mod cost_api;
mod cost_convert;
mod design_api;
mod error;
mod forecast_api;
mod hardware_api;
mod interval_api;
mod optimum_api;
mod run;

#[pymodule(gil_used = false)]
mod _core {
    use super::*;

    #[pymodule_export]
    use api::{
        _panic, band, bootstrap, fit, jacobian, law_info, objective, predict, predict_draws, resample_weights, simd,
    };

    #[pymodule_export]
    use cost_api::{batch_counts, count_parameters, flops_per_token, forward_flops};

    #[pymodule_export]
    use design_api::{design_variances, exchange_design, schedule_runs, whiten};

    #[pymodule_export]
    use hardware_api::{evaluate_layouts, search_layouts, serve};

    #[pymodule_export]
    use forecast_api::{discrepancy, student};

    #[pymodule_export]
    use interval_api::{double_bootstrap, ends, f_cdf, intervals, leverages, quantity_draws, resample_response, study};

    #[pymodule_export]
    use optimum_api::{optimum, optimum_around, optimum_tokens};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("STATUS", api::status_table())?;
        module.add("CONVENTIONS", cost_api::conventions())?;
        module.add("CONSTANTS", hardware_api::constant_names())?;
        module.add("REFUSALS", hardware_api::refusals())?;
        module.add("COST_COLUMNS", hardware_api::COLUMNS.to_vec())?;
        module.add("DEBUG", cfg!(debug_assertions))
    }
}
