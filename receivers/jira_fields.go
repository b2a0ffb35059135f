package receivers

import (
	"strconv"
	"strings"
	"time"

	json "github.com/go-json-experiment/json/v1"

	"dora-exporter/internal/bounds"
)

// fieldReader has the members of a JSON object; nil members for any other value.
type fieldReader struct {
	members map[string][]byte
	// names are the members that are read of this object and of those in it: there may be many others.
	names map[string]bool
}

func newFieldReader(value []byte, names map[string]bool) fieldReader {
	f := fieldReader{names: names}
	if len(value) > 0 && value[0] == '{' {
		f.members = map[string][]byte{}
	}
	for name, member := range bounds.Members(value) {
		if names[name] {
			f.members[name] = member
		}
	}
	return f
}

func (f fieldReader) isObject() bool { return f.members != nil }

// object returns the members of a member.
func (f fieldReader) object(name string) fieldReader { return newFieldReader(f.members[name], f.names) }

// text returns a member that is a text or a number.
func (f fieldReader) text(name string) (string, bool) { return textOf(f.members[name]) }

// isEmpty reports whether a member is null, an empty text, or an empty list.
func (f fieldReader) isEmpty(name string) bool {
	value := f.members[name]
	if text, ok := textOf(value); ok {
		return text == ""
	}
	for range bounds.Elements(value) {
		return false
	}
	return string(value) == "null" || len(value) > 0 && value[0] == '['
}

// textOf returns a value that is a text, without blanks around it, or a number.
func textOf(value []byte) (string, bool) {
	var text string
	var number json.Number
	switch {
	case len(value) == 0 || string(value) == "null":
		return "", false
	case json.Unmarshal(value, &text) == nil:
		return strings.TrimSpace(text), true
	case json.Unmarshal(value, &number) != nil:
		return "", false
	}
	if n, err := strconv.ParseFloat(number.String(), 64); err == nil && n == float64(int64(n)) && n < 1<<53 && n > -1<<53 {
		return strconv.FormatInt(int64(n), 10), true
	}
	return number.String(), true
}

// issueReader reads an issue and notes what it can't read.
type issueReader struct {
	fieldReader

	fields fieldReader
	// cleared has the fields that the issue has as empty.
	cleared []string
	odd     []oddField
}

// oddField is a field that can't be read, with the beginning of its value.
type oddField struct{ field, value string }

func (i *issueReader) note(field string, value []byte) {
	i.odd = append(i.odd, oddField{field, truncate(string(value), 50)})
}

// nameOf returns the name in a value: of an object its member name or value, else the text itself.
func nameOf(value []byte) (string, bool) {
	if object := newFieldReader(value, map[string]bool{"name": true, "value": true}); object.isObject() {
		if name, ok := object.text("name"); ok {
			return name, true
		}
		return object.text("value")
	}
	return textOf(value)
}

// name reads a name, and notes the field as cleared if it is empty.
func (i *issueReader) name(field, clears string) string {
	value := i.fields.members[field]
	if i.fields.isEmpty(field) {
		if clears != "" {
			i.cleared = append(i.cleared, clears)
		}
		return ""
	}
	name, ok := nameOf(value)
	if !ok && value != nil {
		i.note(field, value)
	}
	return name
}

// names reads a list of names. split divides a text into names.
func (i *issueReader) names(field, clears string, split func(string) []string) []string {
	value := i.fields.members[field]
	if i.fields.isEmpty(field) {
		i.cleared = append(i.cleared, clears)
		return nil
	}
	if name, ok := nameOf(value); ok {
		return split(name)
	}
	var all []string
	for element := range bounds.Elements(value) {
		name, ok := nameOf(element)
		if !ok {
			i.note(field, value)
		} else if name != "" {
			all = append(all, name)
		}
	}
	if value != nil && value[0] != '[' {
		i.note(field, value)
	}
	return all
}

// splitLabels divides a text into labels, which have no blanks.
func splitLabels(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

func splitCommas(text string) []string {
	var all []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}

func oneName(text string) []string { return []string{text} }

// project returns the key of the issue's project. The name of a project is none: the issue's own key begins with it.
func (i *issueReader) project(issue string) string {
	if key, _ := i.fields.object("project").text("key"); key != "" {
		return key
	}
	if dash := strings.LastIndexByte(issue, '-'); dash > 0 {
		return issue[:dash]
	}
	name, ok := nameOf(i.fields.members["project"])
	if !ok && i.fields.members["project"] != nil && !i.fields.isEmpty("project") {
		i.note("project", i.fields.members["project"])
	}
	return name
}

// The categories of statuses, by what payloads may have of one.
var statusCategories = map[string]string{
	"new": "new", "indeterminate": "indeterminate", "done": "done",
	"2": "new", "4": "indeterminate", "3": "done",
	"to do": "new", "in progress": "indeterminate",
}

// status reads the status with the key of its category.
func (i *issueReader) status() (name, id, category string) {
	name = i.name("status", "")
	status := i.fields.object("status")
	id, _ = status.text("id")
	value := status.members["statusCategory"]
	if object := status.object("statusCategory"); object.isObject() {
		for _, member := range []string{"key", "id", "name"} {
			text, _ := object.text(member)
			if category = statusCategories[strings.ToLower(text)]; category != "" {
				return name, id, category
			}
		}
		return name, id, ""
	}
	text, ok := textOf(value)
	if !ok && value != nil && string(value) != "null" {
		i.note("status.statusCategory", value)
	}
	return name, id, statusCategories[strings.ToLower(text)]
}

// time reads a time of the fields.
func (i *issueReader) time(field string) time.Time { return i.timeOf(i.fields, field) }

func (i *issueReader) timeOf(f fieldReader, field string) time.Time {
	value := f.members[field]
	if value == nil || f.isEmpty(field) {
		return time.Time{}
	}
	at, ok := jiraTime(value)
	if !ok {
		i.note(field, value)
	}
	return at
}

// stringsIn returns all strings in a value, without the names of members: a summary, a description in Atlassian's document format,
// links. It decodes one string after the other: decoding the tree would need several times the memory.
// https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/
func stringsIn(value []byte) []string {
	var all []string
	for quoted := range bounds.Strings(value) {
		var text string
		if json.Unmarshal(quoted, &text) == nil {
			all = append(all, text)
		}
	}
	return all
}
