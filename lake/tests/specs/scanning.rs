//! Rows are the same however they are asked for: whole or picked, as dictionaries or not, from a file or from lines.

use crate::sample::{age, filled, lines, names, numbered, rewrite, rows};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::concat::concat_batches;
use lake::{File, Lake, LakeError, Reading};
use std::sync::Arc;

/// Number and text of a column, row by row, however it comes.
fn texts(batches: impl Iterator<Item = RecordBatch>, column: &str) -> Vec<(i64, Option<String>)> {
    let mut found = Vec::new();
    for batch in batches {
        let numbers = batch["seq"].as_primitive::<Int64Type>();
        let plain = batch[column].as_string_opt::<i32>();
        let repeated = batch[column].as_dictionary_opt::<Int32Type>();
        for row in 0..batch.num_rows() {
            let text = match (plain, repeated) {
                (Some(texts), _) => texts.is_valid(row).then(|| texts.value(row)),
                (_, Some(texts)) => texts.key(row).map(|key| texts.values().as_string::<i32>().value(key)),
                _ => panic!("{column} is no text"),
            };
            found.push((numbers.value(row), text.map(str::to_owned)));
        }
    }
    found
}

fn scanned(lake: &Lake, file: &File, reading: &Reading<'_>, column: &str) -> Vec<(i64, Option<String>)> {
    texts(lake.scan(file, reading).unwrap().map(Result::unwrap), column)
}

const TEXTS: [&str; 6] = ["verb", "user", "impersonated_user", "subresource", "name", "authz_reason"];

#[test]
fn texts_are_the_same_as_dictionaries_and_one_by_one() {
    let open = filled(&lines());
    for file in open.lake.files().unwrap() {
        for column in TEXTS {
            let columns = [column, "seq"];
            let plain = Reading { most_rows: 7, ..Reading::of(&columns) };
            let repeated = Reading { dictionaries: &[column], ..plain.clone() };
            assert_eq!(
                scanned(&open.lake, &file, &plain, column),
                scanned(&open.lake, &file, &repeated, column)
            );
        }
    }
}

#[test]
fn rows_that_are_picked_are_those_of_the_whole_file() {
    let open = filled(&lines());
    let file = open.lake.files().unwrap().pop().unwrap();
    let columns = ["name", "seq"];
    let all = scanned(&open.lake, &file, &Reading::of(&columns), "name");
    let picked: Vec<u64> = (0..all.len() as u64).filter(|row| row % 5 == 2).chain([1_000_000]).collect();
    let reading = Reading { rows: Some(&picked), ..Reading::of(&columns) };
    let expected: Vec<_> = all.into_iter().skip(2).step_by(5).collect();
    assert_eq!(scanned(&open.lake, &file, &reading, "name"), expected);
}

#[test]
fn what_holds_no_event_of_the_times_asked_for_is_not_read() {
    let open = filled(&lines());
    let file = open.lake.files().unwrap().pop().unwrap();
    let (oldest, newest) = (file_times(&open.lake, &file).0, file_times(&open.lake, &file).1);
    let columns = ["name", "seq"];
    let of = |times| {
        scanned(&open.lake, &file, &Reading { times: Some(times), ..Reading::of(&columns) }, "name").len()
    };
    assert_eq!((of(i64::MIN..oldest), of(newest + 1..i64::MAX)), (0, 0));
    assert!(of(newest..newest + 1) > 0 && of(oldest..oldest + 1) > 0);
}

fn file_times(lake: &Lake, file: &File) -> (i64, i64) {
    let footer = lake.footer(file).unwrap();
    (footer.oldest_us.unwrap(), footer.newest_us.unwrap())
}

#[test]
fn recorded_lines_have_the_values_that_the_lake_has() {
    let lines = lines();
    let open = filled(&lines);
    let numbered = numbered(&lines, 100);
    let names: Vec<String> = lake::schema().fields().iter().map(|field| field.name().clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let table = lake::table(&rows(&numbered), &names).unwrap();
    let row_of = |seq: i64| usize::try_from(seq - 100).unwrap();
    let mut seen = 0;
    for file in open.lake.files().unwrap() {
        for batch in open.lake.read(&file, &names).unwrap() {
            let batch = batch.unwrap();
            for (row, seq) in batch["seq"].as_primitive::<Int64Type>().values().iter().enumerate() {
                for name in &names {
                    assert!(
                        batch[*name].slice(row, 1) == table[*name].slice(row_of(*seq), 1),
                        "{name} of {seq}"
                    );
                }
                seen += 1;
            }
        }
    }
    assert_eq!(seen, lines.len());
}

fn everything(lake: &Lake, columns: &[&str]) -> RecordBatch {
    let files = lake.files().unwrap();
    let batches = files.iter().flat_map(|file| lake.read(file, columns).unwrap().map(Result::unwrap));
    let batches: Vec<RecordBatch> = batches.collect();
    concat_batches(&batches[0].schema(), &batches).unwrap()
}

#[test]
fn columns_that_a_file_is_too_old_to_have_are_made_of_its_lines() {
    let pipe = ["received", "cluster", "node", "bytes", "origin", "seq", "raw"];
    let of_events = names(|name| !pipe.contains(&name));
    for without in
        [&["message", "impersonated_groups", "impersonated_uid", "impersonated_extra"], &of_events[..]]
    {
        let open = filled(&lines());
        let wanted = [&names(|_| true)[..], &["message", "seq"], &["raw", "impersonated_groups", "verb"]];
        let before = wanted.each_ref().map(|columns| everything(&open.lake, columns));
        age(&open, without);
        for (columns, before) in wanted.iter().zip(before) {
            assert_eq!(everything(&open.lake, columns), before, "{columns:?} without {without:?}");
        }
    }
}

#[test]
fn a_further_column_of_a_newer_program_is_stepped_over() {
    let open = filled(&lines());
    let columns = ["verb", "groups", "message", "seq"];
    let repeated = Reading { dictionaries: &["verb", "groups"], ..Reading::of(&columns) };
    let read = || {
        let files = open.lake.files().unwrap();
        let batches = files.iter().flat_map(|file| open.lake.scan(file, &repeated).unwrap());
        (texts(batches.map(Result::unwrap), "verb"), everything(&open.lake, &columns))
    };
    let before = read();
    rewrite(&open, |batch| {
        let mut fields = batch.schema().fields().to_vec();
        fields.insert(0, Arc::new(Field::new("further", DataType::Utf8, false)));
        let mut columns = batch.columns().to_vec();
        columns.insert(0, Arc::new(StringArray::from(vec!["?"; batch.num_rows()])));
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
    });
    assert_eq!(read(), before);
}

#[test]
fn what_only_the_pipe_knew_is_never_made_up() {
    for (without, asked) in
        [(&["seq"][..], "seq"), (&["received"], "received"), (&["raw", "message"], "message")]
    {
        let open = filled(&lines());
        age(&open, without);
        let file = open.lake.files().unwrap().pop().unwrap();
        let error = open.lake.read(&file, &["verb", asked]).unwrap_err();
        assert!(matches!(error, LakeError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(&format!("it has no column `{asked}`")), "{error}");
        assert!(open.lake.read(&file, &["verb"]).is_ok());
    }
}
