use super::*;
#[test]
fn throwaway() {
    let tools = Tools::find();
    println!("{tools:?} {}", tools.fingerprint());
    for (dir, ty) in [("img", FileType::Image), ("pdf", FileType::Pdf)] {
    for entry in std::fs::read_dir(format!("/work/shared/samples/{dir}")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let input = Input { name: "a.pdf", bytes: &bytes, content_type: None };
        println!("==================== {}", path.display());
        let started = Instant::now();
        let deadline = started + Duration::from_secs(60);
        let mut outs = vec![];
        if ty == FileType::Pdf { 
            outs.push(tools.pdftotext(&input, &Options::default(), deadline));
            let base = crate::convert(&input, &Options::default());
            let pages = base.as_ref().map(crate::quality::unread_pages).unwrap_or_default();
            println!("verdict {:?}", base.as_ref().map(crate::quality::sufficient));
            if pages.is_empty() && path.to_string_lossy().contains("protected") { continue; }
            outs.push(tools.ocr(&input, ty, &pages, "eng", deadline).map(|b| match base { Ok(base) => crate::quality::merge(base, b), Err(_) => b }));
        } else { outs.push(tools.ocr(&input, ty, &[], "eng", deadline)); }
        println!("took {:?}", started.elapsed());
        for out in outs {
        match out {
            Ok(d) => { println!("---------- {} {} {:?}\n{}", d.about.converter, d.about.mime, d.about.parts.iter().map(|p| (p.start, p.place.page, p.unread.as_ref().map(|u| u.code.clone()))).collect::<Vec<_>>().iter().map(|x| format!("{x:?}")).collect::<Vec<_>>().join(" "), d.markdown); }
            Err(e) => println!("ERR {e:?}"),
        }}
    }}
}
