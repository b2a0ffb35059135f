package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"gopkg.in/yaml.v3"
)

// parseYAML returns the only document of a file; nil if the file is empty.
func parseYAML(path string, data []byte) (*yaml.Node, error) {
	in := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	switch err := in.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, nil //nolint:nilnil // an empty file is valid
	case err != nil:
		return nil, syntaxError(path, data, err)
	}
	if err := in.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s:%d: second document: remove the line ---", path, max(second.Line, 1))
	}
	return document.Content[0], nil
}

// syntaxError converts an error of yaml, "yaml: line 3: …", into file:line: message.
func syntaxError(path string, data []byte, err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if number, what, ok := strings.Cut(rest, ": "); ok {
			if _, err := fmt.Sscan(number, &line); err == nil {
				text = what
			}
		}
	}
	if anchor, ok := strings.CutPrefix(text, "unknown anchor '"); ok { // not shown: a secret may begin with *
		before, _, _ := bytes.Cut(data, []byte("*"+strings.TrimSuffix(anchor, "' referenced")))
		line, text = 1+bytes.Count(before, []byte("\n")), "text that begins with * needs quotes"
	}
	return fmt.Errorf("%s:%d: not YAML: %s: check indentation, colons and quotes around this line", path, line, text)
}
