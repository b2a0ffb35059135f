package receivers

import "strings"

// maxCandidates limits the text that is searched for references, in bytes: the regular expressions need most of a second per MiB.
const maxCandidates = 256 << 10

// candidates returns the words of texts that may be part of a reference, unchanged, with a line break in place of omitted words.
func candidates(texts []string) string {
	var b strings.Builder
	for _, text := range texts {
		written := false
		for text != "" {
			word := text
			if end := strings.IndexAny(text, " \t\r\n"); end >= 0 {
				word = text[:end+1]
			}
			text = text[len(word):]
			blank := strings.TrimLeft(word, " \t\r\n") == ""
			switch left := maxCandidates - b.Len(); {
			case blank && !written:
			case blank && left == 0, !blank && mayBePartOfReference(word) && len(word) > left:
				b.WriteString(word[:left])
				return b.String()
			case blank, mayBePartOfReference(word):
				b.WriteString(word)
				written = true
			case written:
				b.WriteByte('\n')
				written = false
			}
		}
		if written {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// mayBePartOfReference reports whether a word has a character that all references have, or may precede a deployment's number.
func mayBePartOfReference(word string) bool {
	const longest = 40 // "(deployment-id:" and the like
	return strings.ContainsAny(word, "/#@0123456789:=") ||
		len(word) < longest && (strings.Contains(strings.ToLower(word), "deployment") || strings.Contains(strings.ToLower(word), "id"))
}
