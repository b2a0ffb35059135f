package dora

import (
	"strings"
	"unicode"
)

// productionWords are the words that make an environment one of production, notProduction those that deny it before one.
var (
	productionWords = map[string]bool{"prod": true, "production": true, "prd": true, "live": true}
	notProduction   = map[string]bool{"pre": true, "non": true, "not": true, "no": true}
)

// IsProductionName reports whether a name is usual for an environment of production: one of its words is prod, production, prd
// or live, and the word before it is not pre, non, not or no. What is not a letter separates words, and case does not matter:
// eu-production, aws/prod, prod1 and PRD are, preprod and non-production are not.
func IsProductionName(environment string) bool {
	before := ""
	for word := range strings.FieldsFuncSeq(strings.ToLower(environment), func(r rune) bool { return !unicode.IsLetter(r) }) {
		if productionWords[word] && !notProduction[before] {
			return true
		}
		before = word
	}
	return false
}
