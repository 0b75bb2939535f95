use super::*;
#[test]
fn throwaway() {
    let dir = std::env::var_os("SAMPLES").unwrap();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let input = Input { name: "a.pdf", bytes: &bytes, content_type: None };
        let out = crate::convert(&input, &crate::Options::default());
        println!("==================== {}", path.display());
        match out {
            Ok(d) => { println!("{:#?}\n{}", d.about.parts.iter().map(|p| (p.start, p.place.page, p.unread.as_ref().map(|u| u.code.clone()))).collect::<Vec<_>>().iter().map(|x| format!("{x:?}")).collect::<Vec<_>>().join(" "), d.markdown); println!("TITLE {:?} {:?}", d.about.title, d.about.warnings); }
            Err(e) => println!("ERR {e:?}"),
        }
    }
}
