use super::*;
use crate::Document as Converted;
use crate::testing::{damaged, run};

fn xml(text: &str) -> Converted {
    run("a.xml", text).unwrap()
}

fn kept(text: &str) -> Vec<String> {
    let document = xml(text);
    assert_eq!(
        (document.about.kind, document.markdown.as_str()),
        (DocumentKind::Text, text)
    );
    document.about.warnings
}

const DOCBOOK: &str = r#"<?xml version="1.0"?>
<!DOCTYPE book PUBLIC "-//OASIS//DTD DocBook XML V4.5//EN" "docbookx.dtd" [<!ENTITY product "Longshore &lt;1&gt;">]>
<book><bookinfo><title>The &product; Guide</title><legalnotice><para>Legal.</para></legalnotice>
<author><firstname>Ann</firstname><surname>Smith</surname></author></bookinfo>
<chapter><title>First <emphasis>steps</emphasis></title><indexterm><primary>x</primary></indexterm>
<para>Run <command>up</command>, see
  <ulink url="https://x.y/">the site</ulink>.<itemizedlist><listitem><para>one</para><para>more</para></listitem>
  <listitem><para>two <citetitle>A Book</citetitle></para><orderedlist><listitem><simpara>deep</simpara></listitem><listitem><simpara>deeper</simpara></listitem></orderedlist></listitem></itemizedlist>And on.</para>
<programlisting language="rust">fn main() {
    let a = 1 &lt; 2;
}</programlisting>
<section><title>Sizes</title>
<table><title>All sizes</title><tgroup cols="2"><thead><row><entry>Name</entry><entry>Size | bytes</entry></row></thead>
<tbody><row><entry><para>a</para></entry><entry>1</entry></row></tbody></tgroup></table>
<variablelist><varlistentry><term>key</term><listitem><para>meaning</para></listitem></varlistentry></variablelist>
<note><para># Careful.</para></note></section></chapter></book>"#;

#[test]
fn docbook() {
    let document = xml(DOCBOOK);
    assert_eq!(document.about.title.as_deref(), Some("The Longshore <1> Guide"));
    assert_eq!(
        (document.about.kind, document.about.mime.as_str()),
        (DocumentKind::Office, "application/xml")
    );
    insta::assert_snapshot!(document.markdown);
}

#[test]
fn other_vocabularies() {
    let dita = r#"<task id="t"><title>Install</title><shortdesc>How to.</shortdesc><taskbody><prereq>A disk.</prereq>
        <steps><step><cmd>Open <uicontrol>File</uicontrol>.</cmd><info>Wait.</info></step><step><cmd>Close.</cmd></step></steps>
        <simpletable><sthead><stentry>A</stentry><stentry>B</stentry></sthead><strow><stentry>1</stentry></strow></simpletable></taskbody></task>"#;
    let jats = r#"<article><front><journal-meta><journal-id>x</journal-id></journal-meta><article-meta><article-id>1</article-id><title-group><article-title>On <italic>things</italic></article-title></title-group>
        <contrib-group><contrib><name><surname>Smith</surname><given-names>Ann</given-names></name></contrib></contrib-group>
        <abstract><p>In short.</p></abstract></article-meta></front><body><sec><title>Methods</title><p>We <bold>did</bold> it <xref rid="b1">[1]</xref>.</p>
        <sec><title>Details</title><p>More.</p></sec></sec></body><back><ref-list><title>References</title><ref id="b1"><mixed-citation>Smith A. <source>Journal</source>. 2020.</mixed-citation></ref></ref-list></back></article>"#;
    let tei = r#"<TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader><fileDesc><titleStmt><title>Poems</title></titleStmt><publicationStmt><p>x</p></publicationStmt></fileDesc></teiHeader>
        <text><body><div><head>First</head><lg><l>Roses are red,</l><l>violets are <hi rend="bold">blue</hi>.</l></lg></div></body></text></TEI>"#;
    insta::assert_snapshot!([dita, jats, tei].map(|text| xml(text).markdown).join("\n=====\n"));
}

#[test]
fn feeds() {
    let rss = r#"<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>News</title><description>All of it</description>
        <item><title>One &amp; only</title><link>https://x.y/1</link><pubDate>Tue, 5 Mar 2024</pubDate><description><![CDATA[<h1>Head</h1><p>Some <b>text</b>.]]></description></item>
        <item><description>plain</description></item></channel></rss>"#;
    let atom = r#"<feed xmlns="http://www.w3.org/2005/Atom"><title>Log</title><entry><title>First</title><link href="https://x.y/2"/><author><name>Ann</name></author>
        <updated>2024-03-05T14:30:00Z</updated><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Some <b>bold</b> text</p></div></content></entry></feed>"#;
    insta::assert_snapshot!([rss, atom].map(|text| xml(text).markdown).join("\n=====\n"));
}

#[test]
fn text_around_elements_is_a_document_in_any_vocabulary() {
    let sentence = "This is <x>some</x> text that goes on for a while, with <y>words</y> of its own. ";
    let text = format!("<memo><to>Bob</to><line>{}</line></memo>", sentence.repeat(5));
    let document = xml(&text);
    assert_eq!(document.about.kind, DocumentKind::Office);
    assert!(
        document
            .markdown
            .starts_with("Bob\n\nThis is some text that goes on"),
        "{}",
        document.markdown
    );
}

#[test]
fn data_stays_as_it_is() {
    for text in [
        "<a>1</a>",
        "<project><dependencies><dependency><groupId>x</groupId></dependency></dependencies></project>",
        "<catalog><plant><name>Rose</name><note>A note that is rather long, as people write them in a table.</note></plant></catalog>",
        "<book><title>Of a library</title><isbn>1</isbn></book>",
        "<rss/>",
    ] {
        assert_eq!(kept(text), [""; 0]);
    }
}

#[test]
fn what_cannot_be_parsed_is_kept_with_a_warning() {
    let deep = format!("{}{}", "<a>".repeat(5000), "</a>".repeat(5000));
    // Many small entities of one big one, and one that doubles at each step.
    let big = format!(
        "<!DOCTYPE a [<!ENTITY b \"{}\">]><a>{}</a>",
        "x".repeat(100_000),
        "&b;".repeat(10_000)
    );
    let laughs = "<!DOCTYPE a [<!ENTITY b \"xx\"><!ENTITY c \"&b;&b;\"><!ENTITY d \"&c;&c;\">]><a>&d;</a>";
    let (open, close) = ("<a>".repeat(150), "</a>".repeat(150));
    let hidden = format!("<!DOCTYPE a [<!ENTITY b '{open}{close}'>]>{open}&b;{close}");
    for (text, why) in [
        ("<a><b></a>", "not well-formed"),
        ("<a>&nbsp;</a>", "not well-formed"),
        (deep.as_str(), "nested"),
        (&big, "entities"),
        (laughs, "entities"),
        (&hidden, "nested"),
    ] {
        let warnings = kept(text);
        assert!(warnings[0].contains(why), "{warnings:?}");
    }
}

#[test]
fn depth_is_that_of_the_elements() {
    for (text, expected) in [
        ("<a><b/><c><d/></c></a>", 3),
        ("<!-- <a> --><a/>", 1),
        ("</a></a>", 0),
        ("<a/ ><b>", 2),
    ] {
        assert!(depth(text) >= expected, "{text}");
    }
}

#[test]
fn damaged_documents_end_with_text() {
    for copy in damaged(DOCBOOK.as_bytes()) {
        if let Err(error) = run("a.xml", copy) {
            assert!(matches!(error.code(), "empty" | "binary_content"), "{error}");
        }
    }
}
