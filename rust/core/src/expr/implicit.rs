//! Laws that are roots: nodes for the root, its derivative by the implicit function theorem.

use super::graph::{Graph, Id, Node, Unary};

impl Graph {
    /// The ε in (`low`, `high`) with (ε − low) / (high − ε)^alpha = exp(`log_w`).
    ///
    /// With R = high − low and ε = low + R logistic(u) this is alpha softplus(u) − softplus(−u) = log_w +
    /// (alpha − 1) ln R, and ε = low logistic(−u) + high logistic(u) is a sum of positive terms wherever the ends are.
    pub(super) fn implicit_m4(&mut self, low: Id, high: Id, alpha: Id, log_w: Id) -> Id {
        let one = self.constant(1.0);
        let range = self.sub(high, low);
        let (log_range, less) = (self.ln(range), self.sub(alpha, one));
        let shift = self.mul(less, log_range);
        let t = self.add(log_w, shift);
        let u = self.root(alpha, t);
        let minus = self.neg(u);
        let (far, near) = (self.unary(Unary::Logistic, minus), self.unary(Unary::Logistic, u));
        let (left, right) = (self.mul(low, far), self.mul(high, near));
        self.add(left, right)
    }

    /// The u with `alpha` softplus(u) − softplus(−u) = `t`, constants folded.
    pub(super) fn root(&mut self, alpha: Id, t: Id) -> Id {
        match (self.value(alpha), self.value(t)) {
            (Some(alpha), Some(t)) => self.constant(root(alpha, t)),
            _ => self.intern(Node::Root(alpha, t)),
        }
    }

    /// d u = (d t − softplus(u) d alpha) / (logistic(−u) + alpha logistic(u)).
    pub(super) fn root_rule(&mut self, u: Id, alpha: Id, by: &[Id]) -> Id {
        let minus = self.neg(u);
        let (far, near) = (self.unary(Unary::Logistic, minus), self.unary(Unary::Logistic, u));
        let rest = self.mul(alpha, near);
        let slope = self.add(far, rest);
        let soft = self.unary(Unary::Softplus, u);
        let drop = self.mul(soft, by[0]);
        let top = self.sub(by[1], drop);
        self.div(top, slope)
    }

    /// The chain rule over the arguments of a scan; schedules themselves have no derivative.
    pub(super) fn scan_rule(&mut self, id: Id, arguments: usize, by: &[Id]) -> Id {
        if self.value(by[0]) != Some(0.0) {
            return self.constant(f64::NAN);
        }
        let mut sum = self.constant(0.0);
        for (k, &d) in by[1..=arguments].iter().enumerate() {
            if self.value(d) != Some(0.0) {
                let part = self.intern(Node::Part(id, k));
                let product = self.mul(part, d);
                sum = self.add(sum, product);
            }
        }
        sum
    }
}

/// The root by bisection, for constants.
fn root(alpha: f64, t: f64) -> f64 {
    let softplus = |u: f64| u.max(0.0) + libm::log1p(libm::exp(-u.abs()));
    let height = |u: f64| alpha * softplus(u) - softplus(-u) - t;
    let far = 2.0 + t.abs() * (1.0 + 1.0 / alpha) + 2.0 * (1.0 + alpha) * (1.0 + 1.0 / alpha);
    let (mut low, mut high) = (-far, far);
    if !(height(low) < 0.0 && height(high) > 0.0) {
        return f64::NAN;
    }
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if height(middle) < 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
}
