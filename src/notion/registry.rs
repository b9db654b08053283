//! The list of all notions by name, from which help, parsing and tables are derived.

use super::Notion;
use super::ball::Ball;
use super::class::Class;
use super::cone::Directions;
use super::delaunay::Delaunay;
use super::gauge::GaugeAboutMean;
use super::hull::Hull;
use super::leaf::Leaf;
use super::local::{self, Local, Size};
use super::mahalanobis::Mahalanobis;
use super::manifold::Manifold;
use super::range::Range;
use super::region::Region;
use super::sampled::Sampled;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// The options of notions besides their own arguments.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Whether distances to the hull are computed.
    pub distance: bool,
    /// Whether the classes of both sets are known.
    pub classes: bool,
    /// Whether costly notions judge every query even as part of `all`.
    pub every: bool,
}

/// Makes notions from the text after the colon, which is empty if there is none.
type Make = fn(&str, &Options) -> Result<Vec<Box<dyn Notion>>>;

/// A notion that a user can ask for.
pub struct Entry {
    pub name: &'static str,
    /// The syntax of its arguments; empty if it has none.
    pub arguments: &'static str,
    /// A line of help.
    pub what: &'static str,
    /// Whether it costs so much that as part of `all` it judges a sample of the queries.
    pub costly: bool,
    pub make: Make,
}

/// The notion that is part of `all` only if classes are known.
const CLASS: &str = "class";

/// Every notion, in the order in which tables show them.
pub const KNOWN: &[Entry] = &[
    Entry {
        name: "hull",
        arguments: "",
        what: "convex hull of all rows",
        costly: false,
        make: |given, options| {
            let distance = options.distance;
            none("hull", given, || Hull { distance })
        },
    },
    Entry {
        name: CLASS,
        arguments: "",
        what: "hull of the query's own class, and of the predicted one where that is known; in all where classes are known",
        costly: false,
        make: class,
    },
    Entry {
        name: "cone",
        arguments: "",
        what: "cone of the rows: is the query a non-negative combination of rows",
        costly: true,
        make: |given, _| none("cone", given, || Directions),
    },
    Entry {
        name: "gauge",
        arguments: "",
        what: "factor by which the hull must grow about its mean to reach the query",
        costly: true,
        make: |given, _| none("gauge", given, || GaugeAboutMean),
    },
    Entry {
        name: "local",
        arguments: ":K,..|min",
        what: "hull of the K nearest rows (K = 32); min: the fewest whose hull holds the query",
        costly: false,
        make: local,
    },
    Entry {
        name: "range",
        arguments: "",
        what: "range of each coordinate: outside where any coordinate leaves it",
        costly: false,
        make: |given, _| none("range", given, || Range),
    },
    Entry {
        name: "ball",
        arguments: ":K,..",
        what: "distance to the K-th nearest row (K = 1), compared with the same distances within the reference",
        costly: false,
        make: |given, _| match given {
            "" => Ok(vec![Box::new(ball("ball", 1))]),
            _ => each("ball", given, |k| ball(&format!("ball_{k}"), k)),
        },
    },
    Entry {
        name: "knn",
        arguments: ":K,..",
        what: "the same with K = 10 where none is given",
        costly: false,
        make: |given, _| {
            let given = if given.is_empty() { "10" } else { given };
            each("knn", given, |k| ball(&format!("knn_{k}"), k))
        },
    },
    Entry {
        name: "mahalanobis",
        arguments: "[:tied]",
        what: "distance from the mean in the reference's covariance; tied: from the nearest class mean",
        costly: false,
        make: |given, _| match given {
            "" => Ok(vec![Box::new(Mahalanobis { tied: false })]),
            "tied" => Ok(vec![Box::new(Mahalanobis { tied: true })]),
            _ => Err(Error::Usage(format!(
                "the notion mahalanobis is written mahalanobis or mahalanobis:tied, and was given {given:?}"
            ))),
        },
    },
    Entry {
        name: "manifold",
        arguments: ":K,..",
        what: "within the distance of the K-th nearest other row (K = 5) of some reference row",
        costly: false,
        make: |given, _| {
            let manifold = |id: String, k| Manifold { id, k };
            match given {
                "" => Ok(vec![Box::new(manifold("manifold".into(), 5))]),
                _ => each("manifold", given, |k| manifold(format!("manifold_{k}"), k)),
            }
        },
    },
    Entry {
        name: "delaunay",
        arguments: "",
        what: "simplex of rows that holds the query and whose circumsphere holds no row: its size",
        costly: true,
        make: |given, _| none("delaunay", given, || Delaunay),
    },
    Entry {
        name: "region",
        arguments: "",
        what: "signs of all values (for pre-activations, the linear region): outside where no row has the same",
        costly: false,
        make: |given, _| none("region", given, || Region),
    },
    Entry {
        name: "leaf",
        arguments: "[:FILE.npz]",
        what: "leaves of random oblique trees, or of the hyperplanes W and b of a file, that hold no row",
        costly: false,
        make: |given, _| {
            let file = Some(given)
                .filter(|file| !file.is_empty())
                .map(String::from);
            Ok(vec![Box::new(Leaf { file })])
        },
    },
];

fn ball(id: &str, k: usize) -> Ball {
    Ball { id: id.into(), k }
}

fn class(given: &str, options: &Options) -> Result<Vec<Box<dyn Notion>>> {
    let distance = options.distance;
    let made = |predicted| {
        let class = || Class {
            predicted,
            distance,
        };
        none("class", given, class)
    };
    Ok(made(false)?.into_iter().chain(made(true)?).collect())
}

fn local(given: &str, _: &Options) -> Result<Vec<Box<dyn Notion>>> {
    let made = |id: String, size| Box::new(Local { id, size }) as Box<dyn Notion>;
    match given {
        "" => Ok(vec![made("local".into(), Size::Rows(local::USUAL))]),
        "min" => Ok(vec![made("local_min".into(), Size::Smallest)]),
        _ => each("local", given, |k| Local {
            id: format!("local_{k}"),
            size: Size::Rows(k),
        }),
    }
}

/// The default notions of an analysis.
pub const USUAL: &str = "hull,range,ball";

/// A notion that takes no argument.
fn none<N: Notion + 'static>(
    name: &str,
    given: &str,
    make: impl Fn() -> N,
) -> Result<Vec<Box<dyn Notion>>> {
    match given {
        "" => Ok(vec![Box::new(make())]),
        _ => Err(Error::Usage(format!(
            "the notion {name} takes no argument, and was given {given:?}"
        ))),
    }
}

/// One notion for each number of a list.
fn each<N: Notion + 'static>(
    name: &str,
    given: &str,
    make: impl Fn(usize) -> N,
) -> Result<Vec<Box<dyn Notion>>> {
    let number = |text: &str| match text.parse::<usize>() {
        Ok(k) if k > 0 => Ok(Box::new(make(k)) as Box<dyn Notion>),
        _ => Err(Error::Usage(format!(
            "the notion {name} takes whole numbers from 1 on, as in {name}:1,10, and was given {text:?}"
        ))),
    };
    given.split(',').map(number).collect()
}

/// Parses a list of notions such as `hull,range,knn:1,10`: a part that begins with a letter is a notion, numbers and files
/// are arguments of the notion before. `all` means every notion without an argument; costly ones then judge a sample of the
/// queries, unless they are also named. Each notion is kept once, in the order of [`KNOWN`].
///
/// Errors ([`Error::Usage`]): an unknown name, invalid arguments.
pub fn parse(texts: &[String], options: &Options) -> Result<Vec<Box<dyn Notion>>> {
    let mut asked: Vec<(usize, bool, String)> = Vec::new();
    for part in texts.iter().flat_map(|text| text.split(',')).map(str::trim) {
        let (name, given) = part.split_once(':').unwrap_or((part, ""));
        if name == "all" && given.is_empty() {
            let all = KNOWN
                .iter()
                .enumerate()
                .filter(|(_, entry)| options.classes || entry.name != CLASS);
            let sample = |entry: &Entry| entry.costly && !options.every;
            asked.extend(all.map(|(place, entry)| (place, sample(entry), String::new())));
        } else if let Some(place) = KNOWN.iter().position(|entry| entry.name == name) {
            asked.push((place, false, given.into()));
        } else if let (Some((_, _, last)), true) = (asked.last_mut(), continues(part)) {
            last.push(',');
            last.push_str(part);
        } else {
            return Err(unknown(part));
        }
    }
    let mut made: Vec<(usize, Box<dyn Notion>)> = Vec::new();
    for (place, sample, given) in asked {
        for notion in (KNOWN[place].make)(&given, options)? {
            let notion = match sample {
                true => Box::new(Sampled(notion)),
                false => notion,
            };
            let known = made.iter_mut().find(|(_, one)| one.id() == notion.id());
            match known {
                None => made.push((place, notion)),
                // A notion that is named judges every query.
                Some((_, one)) if !sample => *one = notion,
                Some(_) => {}
            }
        }
    }
    made.sort_by_key(|(place, _)| *place);
    Ok(made.into_iter().map(|(_, notion)| notion).collect())
}

/// Whether a part of a list is an argument of the notion before it.
fn continues(part: &str) -> bool {
    part.starts_with(|letter: char| letter.is_ascii_digit()) || part.contains(['.', '/', '@'])
}

fn unknown(part: &str) -> Error {
    let names = KNOWN.iter().map(|entry| entry.name);
    let near = names
        .clone()
        .map(|name| (strsim::jaro_winkler(name, part), name))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let near = near.filter(|(likeness, _)| *likeness > 0.8);
    let hint = near.map_or(String::new(), |(_, name)| format!("; did you mean {name}?"));
    Error::Usage(format!(
        "there is no notion {part:?}; known are {}, and all{hint}",
        names.collect::<Vec<_>>().join(", ")
    ))
}

/// The entry that makes notions with this id, as `knn` makes `knn_10`.
pub fn of_id(id: &str) -> Option<&'static Entry> {
    let own = |entry: &&Entry| {
        let rest = id.strip_prefix(entry.name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    KNOWN.iter().find(own)
}

/// One line of help for each notion.
pub fn help() -> String {
    let line = |entry: &Entry| {
        let name = format!("{}{}", entry.name, entry.arguments);
        let alone = match entry.costly {
            true => " (in all: of a sample of the queries)",
            false => "",
        };
        format!("  {name:<20}{}{alone}\n", entry.what)
    };
    KNOWN.iter().map(line).collect()
}

/// The notions of a plan, as typed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Wanted(pub Vec<String>);

impl Default for Wanted {
    fn default() -> Self {
        Wanted(vec![USUAL.into()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: Options = Options {
        distance: true,
        classes: true,
        every: false,
    };

    fn ids(text: &str) -> Vec<String> {
        let made = parse(&[text.into()], &OPTIONS).unwrap();
        made.iter().map(|notion| notion.id()).collect()
    }

    #[test]
    fn lists_are_parsed_in_the_order_of_the_registry() {
        assert_eq!(ids(USUAL), ["hull", "range", "ball"]);
        assert_eq!(ids("knn:1,10,hull,knn:10"), ["hull", "knn_1", "knn_10"]);
        assert_eq!(
            ids("local:8,local:min,local"),
            ["local_8", "local_min", "local"]
        );
        assert!(ids("all,knn:3").len() > KNOWN.len());
        let without = Options {
            classes: false,
            ..OPTIONS
        };
        let made = |text: &str| {
            let made = parse(&[text.into()], &without).unwrap();
            made.iter().any(|notion| notion.id() == "class_own")
        };
        assert!(!made("all") && made("all,class") && ids("all").contains(&"class_own".into()));
    }

    #[test]
    fn costly_notions_of_all_are_of_a_sample_unless_they_are_named() {
        let sampled = |text: &str, options: &Options| {
            let made = parse(&[text.into()], options).unwrap();
            let of_sample = made.iter().filter(|notion| notion.sampled());
            of_sample.map(|notion| notion.id()).collect::<Vec<_>>()
        };
        assert_eq!(sampled("all", &OPTIONS), ["cone", "gauge", "delaunay"]);
        assert_eq!(sampled("all,cone", &OPTIONS), ["gauge", "delaunay"]);
        assert_eq!(sampled("gauge,all", &OPTIONS), ["cone", "delaunay"]);
        assert!(sampled("cone,gauge,delaunay", &OPTIONS).is_empty());
        let every = Options {
            every: true,
            ..OPTIONS
        };
        assert!(sampled("all", &every).is_empty());
        assert_eq!(
            parse(&["all".into()], &every).unwrap().len(),
            ids("all,cone").len()
        );
    }

    #[test]
    fn mistakes_are_named() {
        let error = |text: &str| match parse(&[text.into()], &OPTIONS) {
            Ok(_) => panic!("{text} was taken"),
            Err(error) => error.to_string(),
        };
        assert!(error("hul").contains("did you mean hull?"));
        assert!(error("hull:3").contains("takes no argument"));
        assert!(error("knn:0").contains("whole numbers from 1 on"));
        assert!(error("3").contains("no notion"));
    }
}
