//! Small PDFs for tests.

use lopdf::{Dictionary, Document, Object, Stream, dictionary};

/// A page of A4, in points from the lower left corner.
#[derive(Clone, Default)]
pub(crate) struct Page {
    content: String,
    annotations: Vec<Object>,
    picture: Option<Picture>,
}

/// An image over the whole page.
#[derive(Clone)]
pub(crate) struct Picture {
    width: u32,
    height: u32,
    dictionary: Dictionary,
    data: Vec<u8>,
}

impl Page {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A line of text, in Helvetica.
    pub(crate) fn text(mut self, x: i32, y: i32, size: i32, text: &str) -> Self {
        let text = text.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)");
        self.content
            .push_str(&format!("BT /F1 {size} Tf {x} {y} Td ({text}) Tj ET\n"));
        self
    }

    /// Lines of text below each other, in 10 points.
    pub(crate) fn lines(mut self, x: i32, mut y: i32, lines: &[&str]) -> Self {
        for line in lines {
            self = self.text(x, y, 10, line);
            y -= 12;
        }
        self
    }

    /// Text in a font that does not say which characters its codes are.
    pub(crate) fn codes(mut self, codes: &str) -> Self {
        self.content
            .push_str(&format!("BT /F2 12 Tf 72 700 Td <{codes}> Tj ET\n"));
        self
    }

    /// Anything else.
    pub(crate) fn operators(mut self, operators: &str) -> Self {
        self.content.push_str(operators);
        self.content.push('\n');
        self
    }

    /// A table with rules around its cells, of which (`x`, `y`) is the upper left corner.
    pub(crate) fn table(mut self, x: i32, y: i32, rows: &[&[&str]]) -> Self {
        const WIDTH: i32 = 120;
        const HEIGHT: i32 = 20;
        let columns = rows.first().map_or(0, |row| row.len()) as i32;
        let bottom = y - HEIGHT * rows.len() as i32;
        let right = x + WIDTH * columns;
        for row in 0..=rows.len() as i32 {
            let y = y - row * HEIGHT;
            self = self.operators(&format!("{x} {y} m {right} {y} l S"));
        }
        for column in 0..=columns {
            let x = x + column * WIDTH;
            self = self.operators(&format!("{x} {y} m {x} {bottom} l S"));
        }
        for (at, row) in (0..).zip(rows) {
            for (column, cell) in (0..).zip(*row) {
                self = self.text(x + 5 + column * WIDTH, y - 14 - at * HEIGHT, 10, cell);
            }
        }
        self
    }

    /// Makes a rectangle of the page a link.
    pub(crate) fn link(mut self, rectangle: [i32; 4], url: &str) -> Self {
        let rectangle = rectangle.map(Object::from).to_vec();
        self.annotations.push(Object::Dictionary(dictionary! {
            "Type" => "Annot", "Subtype" => "Link", "Rect" => rectangle,
            "A" => dictionary! { "S" => "URI", "URI" => Object::string_literal(url) },
        }));
        self
    }

    pub(crate) fn picture(mut self, picture: Picture) -> Self {
        self.picture = Some(picture);
        self
    }
}

impl Picture {
    /// Plain grey.
    pub(crate) fn grey() -> Self {
        Self {
            width: 64,
            height: 64,
            dictionary: dictionary! { "ColorSpace" => "DeviceGray" },
            data: vec![200; 64 * 64],
        }
    }

    /// The picture of a PNG in RGB: the compressed data of both formats is the same.
    pub(crate) fn png(png: &[u8]) -> Self {
        let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        let (width, height) = (number(16), number(20));
        assert_eq!(png[24..29], [8, 2, 0, 0, 0], "eight bits of RGB, not interlaced");
        let (mut at, mut data) = (8, Vec::new());
        while at + 8 < png.len() {
            let length = number(at) as usize;
            if &png[at + 4..at + 8] == b"IDAT" {
                data.extend_from_slice(&png[at + 8..at + 8 + length]);
            }
            at += length + 12;
        }
        let dictionary = dictionary! {
            "ColorSpace" => "DeviceRGB", "Filter" => "FlateDecode",
            "DecodeParms" => dictionary! {
                "Predictor" => 15, "Colors" => 3, "BitsPerComponent" => 8, "Columns" => width,
            },
        };
        Self {
            width,
            height,
            dictionary,
            data,
        }
    }
}

/// A document of these pages.
pub(crate) fn document(pages: &[Page]) -> Document {
    let mut document = Document::with_version("1.5");
    let tree = document.new_object_id();
    let font = document.add_object(dictionary! {
        "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "Encoding" => "WinAnsiEncoding",
    });
    let descriptor = document.add_object(dictionary! {
        "Type" => "FontDescriptor", "FontName" => "Codes", "Flags" => 4,
        "FontBBox" => vec![0.into(), 0.into(), 1000.into(), 1000.into()],
        "ItalicAngle" => 0, "Ascent" => 800, "Descent" => -200, "CapHeight" => 700, "StemV" => 80,
    });
    let codes = document.add_object(dictionary! {
        "Type" => "Font", "Subtype" => "CIDFontType2", "BaseFont" => "Codes", "FontDescriptor" => descriptor,
        "CIDSystemInfo" => dictionary! {
            "Registry" => Object::string_literal("Adobe"), "Ordering" => Object::string_literal("Identity"), "Supplement" => 0,
        },
    });
    let composite = document.add_object(dictionary! {
        "Type" => "Font", "Subtype" => "Type0", "BaseFont" => "Codes", "Encoding" => "Identity-H",
        "DescendantFonts" => vec![codes.into()],
    });
    let kids: Vec<Object> = pages
        .iter()
        .map(|page| {
            let mut content = page.content.clone();
            let mut objects = Dictionary::new();
            if let Some(picture) = &page.picture {
                let mut dictionary = picture.dictionary.clone();
                dictionary.extend(&dictionary! {
                    "Type" => "XObject", "Subtype" => "Image", "BitsPerComponent" => 8,
                    "Width" => picture.width, "Height" => picture.height,
                });
                let image = document.add_object(Stream::new(dictionary, picture.data.clone()).with_compression(false));
                objects.set("Im1", image);
                content.push_str("q 595 0 0 842 0 0 cm /Im1 Do Q\n");
            }
            let content = document.add_object(Stream::new(Dictionary::new(), content.into_bytes()));
            let page = dictionary! {
                "Type" => "Page", "Parent" => tree, "Contents" => content, "Annots" => page.annotations.clone(),
                "MediaBox" => vec![0.into(), 0.into(), 595.into(), 842.into()],
                "Resources" => dictionary! {
                    "Font" => dictionary! { "F1" => font, "F2" => composite }, "XObject" => objects,
                },
            };
            document.add_object(page).into()
        })
        .collect();
    let count = pages.len() as u32;
    let tree_dictionary = dictionary! { "Type" => "Pages", "Kids" => kids, "Count" => count };
    document.objects.insert(tree, Object::Dictionary(tree_dictionary));
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => tree });
    document.trailer.set("Root", catalog);
    document
}

/// The bytes of a document.
pub(crate) fn bytes(mut document: Document) -> Vec<u8> {
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

/// The bytes of a document of these pages.
pub(crate) fn pdf(pages: &[Page]) -> Vec<u8> {
    bytes(document(pages))
}
