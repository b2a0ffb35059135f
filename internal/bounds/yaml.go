package bounds

import "fmt"

// YAML checks that a document has at most limit nodes, by counting what may begin one: a decoder needs some hundred bytes for
// each node before anybody can count them. It counts too many rather than too few.
func YAML(document []byte, limit int) error {
	nodes := 0
	for i, c := range document {
		switch c {
		case '\n', ',', '[', '{':
			nodes++
		case '-', ':', '?':
			if i+1 == len(document) || document[i+1] <= ' ' || document[i+1] == '-' {
				nodes++
			}
		}
		if nodes > limit {
			return fmt.Errorf("it has more than %d lines, list items and keys", limit)
		}
	}
	return nil
}
