package sqlstore

import (
	"fmt"
	"strings"
)

// Texts that many rows share, such as scopes and how subjects and keys begin, are stored once, in the table texts. Rows have their ids.

// wholeText selects the text that the columns stem and rest of a row are the parts of.
const wholeText = "(SELECT text FROM texts WHERE id = stem) || rest"

// checkedText selects the same for a check of the row: a text that is missing does not match the checksum.
const checkedText = "coalesce(" + wholeText + ", '')"

// textID selects the id of a text, which is a parameter of the query; NULL if no row has it.
const textID = "(SELECT id FROM texts WHERE text = ?)"

// cutStem cuts a subject or key into a stem, which others share, and the rest: before the first number or SHA between slashes, else
// behind the last slash. An @ separates like a slash.
//
// A text that continues another one behind a slash has its stem, or one that begins with the other text and a slash.
func cutStem(text string) (stem, rest string) {
	cut := 0
	for at := 0; at < len(text); {
		end := strings.IndexAny(text[at:], "/@")
		part := text[at:]
		if end >= 0 {
			part = text[at : at+end]
		}
		if isNumber(part) {
			return text[:at], text[at:]
		}
		if end < 0 {
			break
		}
		at += end + 1
		cut = at
	}
	return text[:cut], text[cut:]
}

// isNumber reports whether a part of a subject or key looks like a number, such as 12 or #12, or a SHA.
func isNumber(part string) bool {
	return strings.ContainsAny(part, "0123456789") && strings.Trim(part, "#0123456789abcdef") == ""
}

// continued selects the rows whose text continues another one behind a slash, by the columns stem and rest.
const continued = "(stem = " + textID + " AND rest >= ? AND rest < ? OR stem IN (SELECT id FROM texts WHERE text >= ? AND text < ?))"

// continuing returns the parameters of continued.
func continuing(text string) []any {
	stem, rest := cutStem(text)
	from, to := prefixRange(rest + "/")
	stemFrom, stemTo := prefixRange(text + "/")
	return []any{stem, from, to, stemFrom, stemTo}
}

// text returns the id of a text, which it stores if it is new.
func (t *tx) text(text string) (int64, error) {
	id, err := t.findText(text)
	if err != nil || id != 0 {
		return id, err
	}
	if id, err = t.insert("INSERT INTO texts (text) VALUES (?) ON CONFLICT (text) DO UPDATE SET text = excluded.text RETURNING id", text); err != nil {
		return 0, fmt.Errorf("store the text %q: %w", text, err)
	}
	t.texts.add(text, id)
	return id, nil
}

// findText returns the id of a text, 0 if no row has it.
func (t *tx) findText(text string) (id int64, err error) {
	if id, ok := t.texts.get(text); ok {
		return id, nil
	}
	known, err := t.queryRow("SELECT id FROM texts WHERE text = ?", []any{text}, &id)
	if err != nil {
		return 0, fmt.Errorf("look for the text %q: %w", text, err)
	}
	if known {
		t.texts.add(text, id)
	}
	return id, nil
}
