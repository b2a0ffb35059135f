package receivers

import "strings"

// mostCandidates limits, in bytes, in how much text references are sought: the expressions need most of a second for a MiB.
const mostCandidates = 256 << 10

// candidates returns the words of texts that may be a part of a reference, as they stand there, with a line break for what is
// left out between them.
func candidates(texts []string) string {
	var b strings.Builder
	for _, text := range texts {
		kept := false
		for text != "" {
			word := text
			if end := strings.IndexAny(text, " \t\r\n"); end >= 0 {
				word = text[:end+1]
			}
			text = text[len(word):]
			blank := len(word) == 1 && strings.ContainsAny(word, " \t\r\n")
			switch left := mostCandidates - b.Len(); {
			case blank && !kept:
			case blank && left == 0, !blank && mayBePartOfReference(word) && len(word) > left:
				b.WriteString(word[:left])
				return b.String()
			case blank, mayBePartOfReference(word):
				b.WriteString(word)
				kept = true
			case kept:
				b.WriteByte('\n')
				kept = false
			}
		}
		if kept {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// mayBePartOfReference reports whether a word has what all references have, or stands in front of a deployment's number.
func mayBePartOfReference(word string) bool {
	const longest = 40 // "(deployment-id:" and the like
	return strings.ContainsAny(word, "/#@0123456789:=") ||
		len(word) < longest && (strings.Contains(strings.ToLower(word), "deployment") || strings.Contains(strings.ToLower(word), "id"))
}
