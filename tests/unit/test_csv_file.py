from __future__ import annotations

import contextlib
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailferry.intake.csv_file import MAX_ROWS, Row, address_key, read_csv
from mailferry.intake.csv_text import MAX_BYTES
from mailferry.intake.problems import StructureRefused
from mailferry.model import Problem

HEADER = "EmailAddress,UserName,Password\r\n"
ANNA = "anna@example.com,anna,secret\r\n"


def rows(text: str | bytes) -> tuple[Row, ...]:
    file = read_csv(text if isinstance(text, bytes) else text.encode())
    assert not file.refused
    return file.rows


def refused(text: str) -> tuple[Problem, ...]:
    return read_csv((HEADER + text).encode()).refused


def structure(data: str | bytes) -> tuple[Problem, ...]:
    with pytest.raises(StructureRefused) as caught:
        read_csv(data if isinstance(data, bytes) else data.encode())
    assert all(problem.cause and problem.remedy for problem in caught.value.problems)
    return caught.value.problems


def test_reads_a_row_as_microsoft_describes_it() -> None:
    file = read_csv((HEADER.replace("\r\n", ",UserRoot\r\n") + "anna@example.com,anna,secret,/Mail\r\n").encode())
    assert file.rows == (Row(2, "anna@example.com", "anna", "secret", "/Mail"),)
    assert file.refused == ()
    assert file.notes == ()


def test_columns_may_come_in_any_order_and_case_with_spaces_and_others_among_them() -> None:
    text = " Dept ,password, USERNAME ,emailAddress,Room\nSales,pw,anna,a@x.org,\n"
    assert rows(text) == (Row(2, "a@x.org", "anna", "pw", "", (("Dept", "Sales"), ("Room", ""))),)


@pytest.mark.parametrize(
    ("encoding", "mark", "note"),
    [
        ("utf-8", b"", ()),
        ("utf-8", b"\xef\xbb\xbf", ()),
        ("utf-16-le", b"\xff\xfe", ("decoded as UTF-16",)),
        ("utf-16-be", b"\xfe\xff", ("decoded as UTF-16",)),
        ("utf-16-le", b"", ("decoded as UTF-16",)),
        ("utf-16-be", b"", ("decoded as UTF-16",)),
        ("cp1252", b"", ("decoded as Windows-1252",)),
    ],
)
def test_every_encoding_that_excel_writes_is_understood(encoding: str, mark: bytes, note: tuple[str, ...]) -> None:
    file = read_csv(mark + (HEADER + "jörg@example.com,jörg,pä€ß\r\n").encode(encoding))
    assert file.rows == (Row(2, "jörg@example.com", "jörg", "pä€ß"),)
    assert file.notes == note


def test_bytes_that_are_neither_utf_8_nor_windows_1252_are_refused_with_their_line() -> None:
    (problem,) = structure(HEADER.encode() + b"a@x.org,a,p\x81\xfc\r\n")
    assert problem.line == 2
    assert "neither UTF-8 nor Windows-1252" in problem.cause


def test_a_file_marked_as_utf_8_that_is_not_is_refused_instead_of_guessed() -> None:
    (problem,) = structure(b"\xef\xbb\xbf" + HEADER.encode() + b"a@x.org,a,p\xe4\r\n")
    assert problem.line == 2


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_found_from_the_header(separator: str) -> None:
    text = (HEADER + '"b@x.org","b","x,y;z\tw"\r\n').replace(",", separator, 2)
    text = text.replace('","', f'"{separator}"')
    file = read_csv(text.encode())
    assert [row.password for row in file.rows] == ["x,y;z\tw"]
    assert file.notes == (() if separator == "," else (f"separator {'tab' if separator == chr(9) else separator}",))


def test_separators_inside_a_quoted_header_cell_do_not_count() -> None:
    text = 'EmailAddress;UserName;Password;"a,b,c,d,e"\na@x.org;a;p;1\n'
    assert rows(text)[0].extra == (("a,b,c,d,e", "1"),)


@pytest.mark.parametrize("first", ["sep=;\r\n", '"sep=;"\r\n', "SEP=;\n"])
def test_the_separator_line_of_excel_is_honoured_and_counted_as_a_line(first: str) -> None:
    assert rows(first + (HEADER + ANNA).replace(",", ";"))[0].line == 3


def test_an_unusual_separator_is_honoured_when_the_file_declares_it() -> None:
    assert rows("sep=|\n" + (HEADER + ANNA).replace(",", "|"))[0].user == "anna"


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_every_kind_of_line_end_is_read(end: str) -> None:
    assert [row.line for row in rows((HEADER + ANNA + "b@x.org,b,p\r\n").replace("\r\n", end))] == [2, 3]


def test_lines_are_physical_lines_even_below_cells_with_line_breaks_and_blank_lines() -> None:
    text = (
        HEADER.replace("\r\n", ",Note\r\n")
        + 'a@x.org,a,p,"one\r\ntwo\r\nthree"\r\n\r\n , ,,\r\nb@x.org,b,p,x\r\nbad,c,p,\r\n'
    )
    file = read_csv(text.encode())
    assert [(row.line, row.extra) for row in file.rows] == [
        (2, (("Note", "one\r\ntwo\r\nthree"),)),
        (7, (("Note", "x"),)),
    ]
    assert [problem.line for problem in file.refused] == [8]


@pytest.mark.parametrize("padding", [b"\x1a", b"\x00" * 512, b"\r\n\r\n\x1a\x00\x00"])
def test_padding_after_the_last_line_is_ignored(padding: bytes) -> None:
    assert len(rows((HEADER + ANNA).encode() + padding)) == 1


def test_a_single_byte_of_padding_after_utf_16_is_ignored() -> None:
    assert len(rows((HEADER + ANNA).encode("utf-16") + b"\x1a")) == 1


def test_spaces_around_address_user_and_root_are_trimmed_but_a_password_is_kept_and_noted() -> None:
    text = HEADER.replace("\r\n", ",UserRoot\r\n") + " a@x.org , anna , p w  , /Mail \r\nb@x.org,b,p,\r\n"
    file = read_csv(text.encode())
    assert file.rows[0] == Row(2, "a@x.org", "anna", " p w  ", "/Mail")
    assert file.notes == ("the password begins or ends with a space, which was kept, on line 2",)


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1).filter(str.strip),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(",;\t"),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_a_password_arrives_exactly_as_it_was_written(passwords: list[str], separator: str, encoding: str) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator, quoting=csv.QUOTE_ALL)
    writer.writerow(["EmailAddress", "UserName", "Password"])
    writer.writerows((f"u{place}@x.org", "u", password) for place, password in enumerate(passwords))
    assert [row.password for row in rows(out.getvalue().encode(encoding))] == passwords


@pytest.mark.parametrize("password", ["=cmd|'/c calc'!A1", "+49", "-x", "@x", "'", 'pa"ss', "päß€", "\\"])
def test_a_bare_password_is_data_whatever_it_begins_with(password: str) -> None:
    assert rows(f"{HEADER}a@x.org,a,{password}\r\n")[0].password == password


@pytest.mark.parametrize(
    "address",
    [
        "anna@example.com",
        "a.b+c@sub.example.co.uk",
        "o'neil@x.org",
        "jörg@bücher.example",
        "用户@例子.公司",
        "x@हिन्दी.भारत",
    ],
)
def test_usable_addresses_of_every_alphabet_are_taken(address: str) -> None:
    assert rows(f"{HEADER}{address},a,p\n")[0].address == address


@pytest.mark.parametrize(
    ("address", "cause"),
    [
        ("anna", "no @"),
        ("@x.org", "before the @"),
        ("anna@", "after the @"),
        ("an na@x.org", "a space"),
        ("Anna <anna@x.org>", "a space"),
        ("<anna@x.org>", "< can't"),
        ("a@b@x.org", "@ can't"),
        ("a@x..org", "dot"),
        ("a@x.org.", "dot"),
        ("mailto:a@x.org", ": can't"),
        ("a" * 65 + "@x.org", "too long"),
        ("an\u200bna@x.org", "U+200B"),
        ("an\x07na@x.org", "U+0007"),
    ],
)
def test_an_unusable_address_refuses_its_row_only(address: str, cause: str) -> None:
    file = read_csv(f"{HEADER}{address},a,p\n{ANNA}".encode())
    assert [row.line for row in file.rows] == [3]
    assert [(problem.line, problem.column) for problem in file.refused] == [(2, "EmailAddress")]
    assert cause in file.refused[0].cause


@pytest.mark.parametrize(
    ("row", "column"),
    [(",a,p", "EmailAddress"), ("a@x.org, ,p", "UserName"), ("a@x.org,a,", "Password"), ("a@x.org,a,  ", "Password")],
)
def test_an_empty_cell_refuses_its_row_and_names_the_column(row: str, column: str) -> None:
    assert [(problem.line, problem.column, problem.cause) for problem in refused(f"{row}\n")] == [
        (2, column, f"{column} is empty.")
    ]


def test_several_problems_of_a_row_are_all_named() -> None:
    assert [problem.column for problem in refused("anna,,\n")] == ["EmailAddress", "UserName", "Password"]


@pytest.mark.parametrize("row", ["a@x.org,a", "a@x.org,a,pa,ss", "a@x.org"])
def test_a_row_with_too_few_or_too_many_cells_is_refused(row: str) -> None:
    (problem,) = refused(f"{row}\n")
    assert "the header has 3" in problem.cause


def test_an_unquoted_separator_in_a_password_is_not_swallowed_by_nameless_columns() -> None:
    file = read_csv(b"EmailAddress,UserName,Password,,\na@x.org,a,pa,ss,\nb@x.org,b,p,,\n")
    assert [row.user for row in file.rows] == ["b"]
    assert file.rows[0].extra == ()
    assert "no name" in file.refused[0].cause


def test_a_space_before_quotes_is_explained_not_taken_for_data() -> None:
    (problem,) = refused('a@x.org, "anna", "pw"\n')
    assert "space stands before" in problem.cause


def test_text_after_a_closing_quote_refuses_the_row_only() -> None:
    file = read_csv(f'{HEADER}a@x.org,a,"pa"ss\n{ANNA}'.encode())
    assert [row.line for row in file.rows] == [3]
    assert [problem.line for problem in file.refused] == [2]


def test_of_rows_with_one_target_address_only_the_first_runs() -> None:
    file = read_csv(f"{HEADER}{ANNA}ANNA@Example.COM,anna,secret\nanna@example.com,other,Hidden1\n".encode())
    assert [row.line for row in file.rows] == [2]
    assert [problem.line for problem in file.refused] == [3, 4]
    assert "line 2 already; " in file.refused[0].cause
    assert "another user and another password" in file.refused[1].cause
    assert "Hidden1" not in str(file)


def test_a_refused_row_does_not_stand_in_the_way_of_a_good_one_with_the_same_address() -> None:
    file = read_csv(f"{HEADER}anna@example.com,anna,\n{ANNA}".encode())
    assert [row.line for row in file.rows] == [3]


def test_one_source_user_may_fill_two_targets_which_is_noted() -> None:
    file = read_csv(f"{HEADER}{ANNA}b@x.org,anna,p\n".encode())
    assert len(file.rows) == 2
    assert file.notes[0].endswith("on lines 2, 3")


@pytest.mark.parametrize(
    ("data", "looks_like"),
    [
        (b"PK\x03\x04\x14\x00\x06\x00", ".xlsx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", ".xls"),
        (b"%PDF-1.7\n", "PDF"),
        (b"<!DOCTYPE html><p>Sign in", "web page"),
        (b"EmailAddress,User\x00Name\x00,Pass", "NUL"),
    ],
)
def test_a_file_that_is_no_text_is_named_for_what_it_is(data: bytes, looks_like: str) -> None:
    (problem,) = structure(data)
    assert looks_like in problem.cause
    assert "CSV UTF-8" in problem.remedy


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b" \r\n\r\n", b"\x00" * 100, b",,,\n", b"sep=;\n", b"\xff\xfe"])
def test_an_empty_file_is_refused(data: bytes) -> None:
    (problem,) = structure(data)
    assert "empty" in problem.cause


def test_a_header_without_rows_is_refused() -> None:
    assert [problem.cause for problem in structure(HEADER + "\r\n,,\r\n")] == ["There are no rows below the header."]


def test_misspelt_and_missing_columns_are_all_named_with_what_was_meant() -> None:
    problems = structure("E-Mail,UserNam,UserNam,Dept\na@x.org,a,p,d\n")
    assert [(problem.line, problem.column) for problem in problems] == [
        (1, "EmailAddress"),
        (1, "UserName"),
        (1, "Password"),
        (1, "UserNam"),
    ]
    assert "E-Mail: did you mean EmailAddress?" in problems[0].cause
    assert "UserNam: did you mean UserName?" in problems[1].cause
    assert "did you mean" not in problems[2].cause


def test_a_column_that_is_there_twice_is_refused_even_when_its_case_differs() -> None:
    assert "twice" in structure("EmailAddress,UserName,Password,password\na@x.org,a,p,q\n")[0].cause


def test_a_misspelt_optional_column_is_kept_and_noted() -> None:
    file = read_csv(b"EmailAddress,UserName,Password,UserRot\na@x.org,a,p,/Mail\n")
    assert file.rows[0].extra == (("UserRot", "/Mail"),)
    assert "did you mean UserRoot?" in file.notes[0]


@pytest.mark.parametrize("first", ["anna@x.org,anna,Password1", "anna,anna,Password1", "anna,password", "a;b;Passwort"])
def test_data_in_place_of_a_header_is_refused_without_quoting_it(first: str) -> None:
    (problem,) = structure(f"{first}\nb@x.org,b,p\n")
    assert "header is missing" in problem.cause
    assert "assw" not in problem.cause


def test_a_header_with_an_unknown_separator_is_told_which_are_known() -> None:
    assert "comma, semicolon or tab" in structure("EmailAddress|UserName|Password\na@x.org|a|p\n")[0].remedy


@pytest.mark.parametrize(
    "text",
    [
        f'{HEADER}{ANNA}\r\nb@x.org,b,"pw\r\nc@x.org,c,p\r\n',
        f'{HEADER}{ANNA}\r\nb@x.org,b,"pw',
        f'{HEADER}{ANNA}\r\n"b@x.org","b","p""w,\r\n' + "c@x.org,c,p\r\n" * 20_000,
    ],
)
def test_a_quote_that_never_closes_is_refused_naming_the_line_where_it_began(text: str) -> None:
    (problem,) = structure(text)
    assert problem.line == 4
    assert "never closes" in problem.cause


def test_an_open_quote_in_a_later_line_of_a_row_is_found_where_it_is() -> None:
    (problem,) = structure(f'{HEADER}"a@x.org\n",a,"pw\n')
    assert problem.line == 3


def test_a_forgotten_quote_that_swallows_rows_up_to_the_next_quote_refuses_the_file() -> None:
    (problem,) = structure(f'{HEADER}a@x.org,a,"p1\nb@x.org,b,p2\nc@x.org,c,"p3"\n')
    assert problem.line == 2
    assert "lines 2 to 4" in problem.cause


def test_a_structural_problem_comes_with_those_of_the_rows_above_it() -> None:
    assert [problem.line for problem in structure(f'{HEADER}bad,a,p\nb@x.org,b,"pw\n')] == [3, 2]


def test_a_cell_beyond_all_reason_refuses_its_row() -> None:
    file = read_csv(f"{HEADER}a@x.org,a,{'x' * 200_000}\n{ANNA}".encode())
    assert [row.line for row in file.rows] == [3]
    assert "too long" in file.refused[0].cause


def test_fifty_thousand_rows_are_read() -> None:
    file = read_csv((HEADER + "".join(f"user{n}@example.com,user{n},pw{n}\r\n" for n in range(MAX_ROWS))).encode())
    assert len(file.rows) == MAX_ROWS
    assert file.rows[-1].line == MAX_ROWS + 1


def test_one_row_more_is_refused_naming_its_line_and_the_count() -> None:
    text = HEADER + "".join(f"user{n}@example.com,user{n},pw{n}\r\n" for n in range(MAX_ROWS + 2))
    (problem,) = structure(text)
    assert problem.line == MAX_ROWS + 2
    assert "50,002 rows" in problem.cause


def test_more_than_ten_megabytes_are_refused_unread() -> None:
    (problem,) = structure(b"a" * (MAX_BYTES + 1))
    assert "10 MB" in problem.cause


def test_no_password_is_shown_by_a_row_or_a_problem() -> None:
    file = read_csv(f"{HEADER}{ANNA}hunter2,x,Hunter22\nanna@example.com,c,Hunter23\n".encode())
    assert "secret" not in repr(file)
    assert "unter2" not in repr(file)


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda tail: HEADER.encode() + tail))
def test_any_bytes_are_read_into_distinct_addresses_or_refused(data: bytes) -> None:
    with contextlib.suppress(StructureRefused):
        assert len({address_key(row.address) for row in read_csv(data).rows}) == len(read_csv(data).rows)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (" Anna@X.org ", "anna@x.ORG"),
        ("jo\u0308rg@x.org", "JÖRG@x.org"),
        ("ß@x.org", "SS@x.org"),
        ("anna@Bücher.de", "anna@XN--bcher-kva.de"),
        ("anna@bu\u0308cher.de", "anna@bücher.de"),
    ],
)
def test_addresses_are_compared_without_case_spaces_and_unicode_form(one: str, other: str) -> None:
    assert address_key(one) == address_key(other)


def test_domains_that_differ_in_the_dns_are_different() -> None:
    assert address_key("anna@straße.de") != address_key("anna@strasse.de")
