// Package bounds limits what foreign input makes this process allocate: the structure of JSON documents, the memory of
// answers that are decoded at the same time, and the kind and size of files. It knows no other package of this program.
package bounds

import (
	"bytes"
	"fmt"
)

// JSON limits the structure of a document. A document of a given size can't need more memory than these limits allow, since
// what a decoder allocates per byte depends on how many values there are, not on how long they are.
type JSON struct {
	// Depth is how deeply objects and lists may be nested, at most MaxDepth.
	Depth int
	// List is how many elements one list may have, Elements how many all lists of the document may have together, and
	// Members how many members all objects may have together.
	List, Elements, Members int
}

const (
	// MaxDepth is the largest value of JSON.Depth.
	MaxDepth = 1000
	// usualDepth is how deep documents are that need no memory to be checked.
	usualDepth = 32
)

// LimitError reports which limit a document or an answer exceeds.
type LimitError struct {
	What  string
	Limit int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("it has more than %d %s", e.Limit, e.What)
}

// Check returns the number of list elements in a document, or a *LimitError. It does not validate: in what is not JSON it
// counts too many elements or ends early, and who decodes it refuses it later.
func (l JSON) Check(data []byte) (elements int, err error) {
	lists := make([]int, 0, usualDepth) // the elements so far of each open list, -1 for an object
	members := 0
	maxDepth := min(l.Depth, MaxDepth)
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			i = endOfString(data, i+1)
		case '[', '{':
			if len(lists) == maxDepth {
				return elements, &LimitError{"levels of nesting", maxDepth}
			}
			if data[i] == '{' {
				lists = append(lists, -1)
				members++
			} else {
				lists = append(lists, 1)
				elements++
			}
		case ']', '}':
			if len(lists) == 0 {
				return elements, nil
			}
			lists = lists[:len(lists)-1]
		case ',':
			last := len(lists) - 1
			switch {
			case last < 0:
				return elements, nil
			case lists[last] < 0:
				members++
			default:
				elements++
				lists[last]++
				if lists[last] > l.List {
					return elements, &LimitError{"elements in one list", l.List}
				}
			}
		}
		if elements > l.Elements {
			return elements, &LimitError{"list elements", l.Elements}
		}
		if members > l.Members {
			return elements, &LimitError{"object members", l.Members}
		}
	}
	return elements, nil
}

// endOfString returns the position of the quote that ends a string which begins at i, or the end of the data.
func endOfString(data []byte, i int) int {
	for i < len(data) {
		at := bytes.IndexByte(data[i:], '"')
		if at < 0 {
			return len(data)
		}
		escapes := 0
		for at-escapes > 0 && data[i+at-escapes-1] == '\\' {
			escapes++
		}
		if i += at; escapes%2 == 0 {
			return i
		}
		i++
	}
	return len(data)
}
