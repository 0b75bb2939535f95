"""Writes documents of every format with the libraries that people write them with: `make_documents.py FOLDER`.

The text is the same in all of them: chapters with headings, paragraphs, lists and tables, drawn from a fixed seed. Each format gets
small documents (some 3 pages) and large ones (some 40 pages).
"""

import random
import sys
from datetime import date, timedelta
from email.message import EmailMessage
from pathlib import Path

import docx
import openpyxl
import pptx
from ebooklib import epub
from reportlab.lib import colors
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import ListFlowable, Paragraph, SimpleDocTemplate, Spacer, Table

SMALL, LARGE = 20, 5
WORDS = (
    "harbour vessel cargo ledger tide anchor crew manifest weather berth crane customs pilot signal lantern rope chart "
    "compass storm voyage merchant warehouse quay lighthouse inspection contract delivery schedule invoice container route "
    "the a of to and in that is was for on with as by at from this which"
).split()


class Text:
    """Words from a seed."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)

    def words(self, count: int) -> str:
        return " ".join(self.random.choice(WORDS) for _ in range(count))

    def sentence(self) -> str:
        return self.words(self.random.randint(6, 18)).capitalize() + "."

    def paragraph(self) -> str:
        return " ".join(self.sentence() for _ in range(self.random.randint(3, 7)))

    def table(self, rows: int) -> list:
        head = ["No", "Vessel", "Arrived", "Tons", "Remark"]
        day = date(2024, 1, 1)
        body = [
            [
                number,
                self.words(2).title(),
                day + timedelta(days=self.random.randint(0, 700)),
                round(self.random.random() * 9000, 2),
                self.words(4),
            ]
            for number in range(1, rows + 1)
        ]
        return [head, *body]


def chapters(text: Text, count: int):
    for number in range(1, count + 1):
        yield f"{number}. {text.words(3).title()}", [text.paragraph() for _ in range(4)], [text.sentence() for _ in range(5)], text.table(8)


def write_docx(path: Path, text: Text, size: int):
    document = docx.Document()
    document.add_heading("Harbour report", 0)
    for title, paragraphs, items, table in chapters(text, size):
        document.add_heading(title, 1)
        for paragraph in paragraphs:
            words = paragraph.split(" ", 3)
            line = document.add_paragraph(words[0] + " ")
            line.add_run(words[1]).bold = True
            line.add_run(" " + " ".join(words[2:]))
        for item in items:
            document.add_paragraph(item, style="List Bullet")
        grid = document.add_table(rows=0, cols=5)
        for row in table:
            for cell, value in zip(grid.add_row().cells, row):
                cell.text = str(value)
    document.save(path)


def write_pptx(path: Path, text: Text, size: int):
    deck = pptx.Presentation()
    for title, paragraphs, items, table in chapters(text, size * 2):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = "\n".join(items)
        slide.notes_slide.notes_text_frame.text = paragraphs[0]
        grid = deck.slides.add_slide(deck.slide_layouts[5])
        grid.shapes.title.text = title + ", table"
        shape = grid.shapes.add_table(len(table), 5, 0, 1500000, 9000000, 4000000)
        for r, row in enumerate(table):
            for c, value in enumerate(row):
                shape.table.cell(r, c).text = str(value)
    deck.save(path)


def write_xlsx(path: Path, text: Text, size: int):
    book = openpyxl.Workbook()
    for number in range(3):
        sheet = book.active if number == 0 else book.create_sheet()
        sheet.title = f"Quarter {number + 1}"
        for row in text.table(size * 40):
            sheet.append(row)
    book.save(path)


def write_pdf(path: Path, text: Text, size: int):
    styles, story = getSampleStyleSheet(), []
    for title, paragraphs, items, table in chapters(text, size):
        story.append(Paragraph(title, styles["Heading1"]))
        story.extend(Paragraph(paragraph, styles["BodyText"]) for paragraph in paragraphs)
        story.append(ListFlowable([Paragraph(item, styles["BodyText"]) for item in items], bulletType="bullet"))
        story.append(Table([[str(value) for value in row] for row in table], style=[("GRID", (0, 0), (-1, -1), 0.5, colors.grey)]))
        story.append(Spacer(1, 12))
    SimpleDocTemplate(str(path)).build(story)


def page(text: Text, size: int) -> str:
    body = []
    for title, paragraphs, items, table in chapters(text, size):
        body.append(f"<h2>{title}</h2>")
        body.extend(f'<p>{paragraph} <a href="https://example.org/x">{text.words(2)}</a></p>' for paragraph in paragraphs)
        body.append("<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>")
        rows = ["".join(f"<td>{value}</td>" for value in row) for row in table]
        body.append("<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>")
    return f"<!DOCTYPE html><html><head><title>Harbour report</title></head><body>{''.join(body)}</body></html>"


def write_html(path: Path, text: Text, size: int):
    path.write_text(page(text, size), encoding="utf-8")


def write_eml(path: Path, text: Text, size: int):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Ann <ann@example.org>", "bob@example.org", "Harbour report"
    message.set_content("\n\n".join(text.paragraph() for _ in range(size * 5)))
    message.add_alternative(page(text, size), subtype="html")
    path.write_bytes(bytes(message))


def write_epub(path: Path, text: Text, size: int):
    book = epub.EpubBook()
    book.set_identifier("id")
    book.set_title("Harbour report")
    pages = []
    for number in range(size):
        chapter = epub.EpubHtml(title=f"Chapter {number}", file_name=f"{number}.xhtml")
        chapter.content = page(text, 1)
        book.add_item(chapter)
        pages.append(chapter)
    book.toc, book.spine = pages, pages
    book.add_item(epub.EpubNcx())
    epub.write_epub(str(path), book)


WRITERS = {
    "docx": write_docx,
    "pptx": write_pptx,
    "xlsx": write_xlsx,
    "pdf": write_pdf,
    "html": write_html,
    "eml": write_eml,
    "epub": write_epub,
}

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for extension, write in WRITERS.items():
        target = folder / extension
        target.mkdir(parents=True, exist_ok=True)
        for number in range(SMALL):
            write(target / f"small-{number}.{extension}", Text(number), 3)
        for number in range(LARGE):
            write(target / f"large-{number}.{extension}", Text(1000 + number), 40)
