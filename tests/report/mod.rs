//! Results as tables, files, figures and pages.

mod comparison_figures;
mod comparison_files;
mod comparison_page;
mod comparison_table;
mod files;
mod fixtures;
mod html;
mod numerals;
mod outcome_queries;
mod outcomes;
mod paper;
mod plot;
mod sheet;
mod summary;
mod sweep;
