package bounds

import "fmt"

// YAML checks that a document has at most limit nodes, before it is decoded: a decoder needs some hundred bytes for each node. It counts
// the characters that may begin a node, and so rather too many than too few.
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
