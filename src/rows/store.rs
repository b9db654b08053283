//! Rows in memory (minimal; being replaced).
use super::{Element, Rows};
use crate::error::Result;
enum Values { F32(Vec<f32>), F64(Vec<f64>), U8(Vec<u8>) }
pub struct Memory { name: String, dim: usize, values: Values }
impl Memory {
    pub fn from_f32(name: impl Into<String>, dim: usize, v: Vec<f32>) -> Self { Memory { name: name.into(), dim, values: Values::F32(v) } }
    pub fn from_f64(name: impl Into<String>, dim: usize, v: Vec<f64>) -> Self { Memory { name: name.into(), dim, values: Values::F64(v) } }
    pub fn from_u8(name: impl Into<String>, dim: usize, v: Vec<u8>) -> Self { Memory { name: name.into(), dim, values: Values::U8(v) } }
}
impl Rows for Memory {
    fn name(&self) -> &str { &self.name }
    fn len(&self) -> usize { (match &self.values { Values::F32(v) => v.len(), Values::F64(v) => v.len(), Values::U8(v) => v.len() }) / self.dim }
    fn dim(&self) -> usize { self.dim }
    fn element(&self) -> Element { match &self.values { Values::F32(_) => Element::F32, Values::F64(_) => Element::F64, Values::U8(_) => Element::U8 } }
    fn fits_f32(&self) -> bool { self.element().fits_f32() }
    fn read_f32(&self, first: usize, out: &mut [f32]) -> Result<()> {
        let r = first * self.dim..first * self.dim + out.len();
        match &self.values { Values::F32(v) => out.copy_from_slice(&v[r]), Values::F64(v) => out.iter_mut().zip(&v[r]).for_each(|(o, v)| *o = *v as f32), Values::U8(v) => out.iter_mut().zip(&v[r]).for_each(|(o, v)| *o = f32::from(*v)) }
        Ok(())
    }
    fn read_f64(&self, first: usize, out: &mut [f64]) -> Result<()> {
        let r = first * self.dim..first * self.dim + out.len();
        match &self.values { Values::F32(v) => out.iter_mut().zip(&v[r]).for_each(|(o, v)| *o = f64::from(*v)), Values::F64(v) => out.copy_from_slice(&v[r]), Values::U8(v) => out.iter_mut().zip(&v[r]).for_each(|(o, v)| *o = f64::from(*v)) }
        Ok(())
    }
}
