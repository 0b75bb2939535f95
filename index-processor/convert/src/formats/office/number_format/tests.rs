use super::*;

#[track_caller]
fn check(code: &str, number: f64, expected: &str) {
    let mut shown = String::new();
    NumberFormat::of(None, code).push(&mut shown, number, false);
    assert_eq!(shown, expected, "{number} as {code}");
}

#[test]
fn numbers_without_a_format() {
    check("General", 0.0, "0");
    check("General", -12.5, "-12.5");
    check("General", 0.1 + 0.2, "0.3");
    check("General", 1.0 / 3.0, "0.33333333333");
    check("General", 123_456_789_012_345.0, "123456789012345");
    check("General", 1.5e20, "1.5E+20");
    check("General", 1e-12, "1E-12");
    check("", 7.0, "7");
}

#[test]
fn numbers() {
    check("0.00", 1.005, "1.01");
    check("0.00", 0.125, "0.13");
    check("0", 2.5, "3");
    check("#,##0", 1_234_567.0, "1,234,567");
    check("#,##0.00", -1234.5, "-1,234.50");
    check("000", 7.0, "007");
    check("0.0#", 1.5, "1.5");
    check("0.0#", 1.25, "1.25");
    check("#.##", 0.5, ".5");
    check("0,", 1_234_567.0, "1235");
    check("0.0,,\"M\"", 1_250_000.0, "1.3M");
    check("0%", 0.256, "26%");
    check("0.0%", 0.2561, "25.6%");
    check("0.00E+00", 12345.0, "1.23E+04");
    check("0.00", -0.001, "0.00");
    check("# ?/?", 0.5, "0.5");
    check("000-00-0000", 123_456_789.0, "123-45-6789");
    check("@", 5.0, "5");
    check("0 \"pcs\"", 12.0, "12 pcs");
}

#[test]
fn currencies_and_sections() {
    check("[$€-407] #,##0.00", 1234.5, "€ 1,234.50");
    check("\"$\"#,##0.00_);[Red](\"$\"#,##0.00)", -5.0, "($5.00)");
    check("\"$\"#,##0.00_);[Red](\"$\"#,##0.00)", 5.0, "$5.00 ");
    check("#,##0.00\\ [$€-1]", 3.0, "3.00 €");
    check("0;-0;\"none\"", 0.0, "none");
    check("0;;", -1.0, "");
    check("[<100]\"few\";[>=100]\"many\"", 100.0, "many");
}

#[test]
fn dates_and_times() {
    check("yyyy-mm-dd", 45_296.0, "2024-01-05");
    check("d-mmm-yy", 45_296.0, "5-Jan-24");
    check("dddd, mmmm dd, yyyy", 45_296.0, "Friday, January 05, 2024");
    check("m/d/yyyy h:mm", 45_296.573, "1/5/2024 13:45");
    check("h:mm AM/PM", 0.5, "12:00 PM");
    check("h:mm a/p", 0.0, "12:00 A");
    check("mm:ss.0", 0.000_52, "00:44.9");
    check("[h]:mm:ss", 1.5, "36:00:00");
    check("hh:mm:ss", 0.999_999_99, "00:00:00");
    check("dd.mm.yyyy", 36_585.0, "29.02.2000");
    check("yyyy-mm-dd", 1.0, "1900-01-01");
    check("yyyy-mm-dd", 61.0, "1900-03-01");
    check("yyyy\"年\"m\"月\"d\"日\"", 45_296.0, "2024年1月5日");
    check("[$-F800]dddd\\,\\ mmmm", 45_296.0, "Friday, January");
    // No date.
    check("yyyy-mm-dd", -3.0, "-3");
    check("yyyy-mm-dd", 1e10, "10000000000");
}

#[test]
fn formats_that_follow_the_system_are_iso() {
    let mut shown = String::new();
    NumberFormat::of(Some(14), "mm-dd-yy").push(&mut shown, 45_296.0, false);
    shown.push(' ');
    NumberFormat::of(Some(14), "mm-dd-yy").push(&mut shown, 43_834.0, true);
    assert_eq!(shown, "2024-01-05 2024-01-05");
}

proptest::proptest! {
    #[test]
    fn every_code_and_number_is_shown(code in "[0#?,.%;@\\[\\]\"'\\\\_*/EeymdhsAaPpM<>=$€ :General+-]{0,24}", number: f64) {
        let mut shown = String::new();
        NumberFormat::of(None, &code).push(&mut shown, number, false);
        NumberFormat::of(None, &code).push(&mut shown, number % 100_000.0, true);
        proptest::prop_assert!(shown.len() < 2000);
    }
}
