//! Formula text → syntax tree, with Python's precedence and positions for errors.
//!
//! No meaning here: whether a name is a variable or a parameter is decided in `law`.

use crate::error::{Error, Result};

/// A syntax tree; every name and call remembers where it stood.
#[derive(Debug, Clone, PartialEq)]
pub enum Ast {
    /// A number.
    Number(f64),
    /// A name, with its position.
    Name(String, usize),
    /// `E[family]`: a parameter with one value per level of a factor column.
    Level(String, String, usize),
    /// `-x`.
    Neg(Box<Ast>),
    /// `a op b` with op one of `+ - * / ^` (`^` stands for `**`).
    Binary(char, Box<Ast>, Box<Ast>),
    /// `f(x, ...)`, with the position of `f`.
    Call(String, Vec<Ast>, usize),
}

/// Reads a formula.
///
/// # Errors
/// [`Error::Formula`] with the byte offset where reading stopped.
pub fn parse(text: &str) -> Result<Ast> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let tree = parser.sum()?;
    parser.space();
    if parser.at < text.len() {
        return Err(parser.unexpected("an operator or the end of the formula"));
    }
    Ok(tree)
}

/// Deeper nesting than this is refused: recursion must not reach the end of the stack.
const MAX_DEPTH: usize = 200;

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn peek(&mut self) -> Option<char> {
        self.space();
        self.rest().chars().next()
    }

    fn take(&mut self, token: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn fail(&self, message: String) -> Error {
        Error::Formula { message, position: self.at }
    }

    fn unexpected(&mut self, expected: &str) -> Error {
        match self.peek() {
            Some('^') => self.fail("unexpected '^', powers are written '**'".into()),
            Some('=') => self.fail("unexpected '=', write only the right-hand side".into()),
            Some(c) => self.fail(format!("unexpected '{c}', expected {expected}")),
            None => self.fail(format!("the formula ends where {expected} was expected")),
        }
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.fail(format!("more than {MAX_DEPTH} nested levels")));
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn sum(&mut self) -> Result<Ast> {
        let mut left = self.product()?;
        loop {
            let op = match self.peek() {
                Some(c @ ('+' | '-')) => c,
                _ => return Ok(left),
            };
            self.at += 1;
            left = Ast::Binary(op, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Result<Ast> {
        let mut left = self.unary()?;
        loop {
            let op = match self.peek() {
                Some('*') if !self.rest().starts_with("**") => '*',
                Some('/') => '/',
                _ => return Ok(left),
            };
            self.at += 1;
            left = Ast::Binary(op, Box::new(left), Box::new(self.unary()?));
        }
    }

    fn unary(&mut self) -> Result<Ast> {
        self.deeper(|p| {
            if p.take("-") {
                Ok(Ast::Neg(Box::new(p.unary()?)))
            } else if p.take("+") {
                p.unary()
            } else {
                p.power()
            }
        })
    }

    /// `**` binds tighter than unary minus on its left and looser on its right.
    fn power(&mut self) -> Result<Ast> {
        let base = self.atom()?;
        if self.take("**") {
            return Ok(Ast::Binary('^', Box::new(base), Box::new(self.unary()?)));
        }
        Ok(base)
    }

    fn atom(&mut self) -> Result<Ast> {
        match self.peek() {
            Some('(') => self.deeper(|p| {
                p.at += 1;
                let inner = p.sum()?;
                p.close(')')?;
                Ok(inner)
            }),
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if c.is_alphabetic() || c == '_' => self.named(),
            _ => Err(self.unexpected("a number, a name or '('")),
        }
    }

    fn close(&mut self, bracket: char) -> Result<()> {
        if self.peek() == Some(bracket) {
            self.at += 1;
            return Ok(());
        }
        Err(self.unexpected(&format!("'{bracket}'")))
    }

    fn number(&mut self) -> Result<Ast> {
        let bytes = self.rest().as_bytes();
        let digits = |mut i: usize| {
            while i < bytes.len() && (bytes[i].is_ascii_digit() || bytes[i] == b'_') {
                i += 1;
            }
            i
        };
        let mut end = digits(0);
        if bytes.get(end) == Some(&b'.') {
            end = digits(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let stop = digits(end + 1 + sign);
            if stop > end + 1 + sign {
                end = stop;
            }
        }
        let word = self.rest()[..end].replace('_', "");
        let value: f64 = word.parse().map_err(|_| self.fail(format!("'{word}' is not a number")))?;
        if !value.is_finite() {
            return Err(self.fail(format!("'{word}' is too large for a float64")));
        }
        self.at += end;
        Ok(Ast::Number(value))
    }

    fn word(&mut self) -> String {
        self.space();
        let end = self.rest().find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(self.rest().len());
        let word = self.rest()[..end].to_string();
        self.at += end;
        word
    }

    fn named(&mut self) -> Result<Ast> {
        self.space();
        let start = self.at;
        let name = self.word();
        match self.rest().chars().next() {
            Some('(') => {
                self.at += 1;
                let arguments = self.deeper(Self::arguments)?;
                Ok(Ast::Call(name, arguments, start))
            }
            Some('[') => {
                self.at += 1;
                let factor = self.word();
                if factor.is_empty() {
                    return Err(self.unexpected("the name of a column of levels"));
                }
                self.close(']')?;
                Ok(Ast::Level(name, factor, start))
            }
            _ => Ok(Ast::Name(name, start)),
        }
    }

    fn arguments(&mut self) -> Result<Vec<Ast>> {
        let mut list = vec![self.sum()?];
        while self.take(",") {
            list.push(self.sum()?);
        }
        self.close(')')?;
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(tree: &Ast) -> f64 {
        match tree {
            Ast::Number(x) => *x,
            Ast::Neg(x) => -value(x),
            Ast::Binary(op, a, b) => match op {
                '+' => value(a) + value(b),
                '-' => value(a) - value(b),
                '*' => value(a) * value(b),
                '/' => value(a) / value(b),
                _ => value(a).powf(value(b)),
            },
            other => panic!("no value for {other:?}"),
        }
    }

    /// Values printed by Python for the same text.
    #[test]
    fn precedence_is_pythons() {
        for (text, expected) in [
            ("-2**2", -4.0),
            ("2**-1", 0.5),
            ("2**3**2", 512.0),
            ("2*3+4", 10.0),
            ("2+3*4", 14.0),
            ("8/4/2", 1.0),
            ("1-2-3", -4.0),
            ("-2*-3", 6.0),
            ("--2", 2.0),
            ("2*-3**2", -18.0),
            ("1_000.5e-3", 1.0005),
            (".5", 0.5),
        ] {
            assert_eq!(value(&parse(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn errors_say_where() {
        for (text, position) in [
            ("E + ", 4),
            ("E + A^2", 5),
            ("(N", 2),
            ("N 2", 2),
            ("f(N,", 4),
            ("E[]", 2),
            ("L = E", 2),
            ("1e999", 0),
            ("", 0),
        ] {
            match parse(text) {
                Err(Error::Formula { position: at, .. }) => assert_eq!(at, position, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
        assert!(parse(&"(".repeat(100_000)).is_err());
        assert!(parse(&"-".repeat(100_000)).is_err());
    }
}
