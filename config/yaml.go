package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"gopkg.in/yaml.v3"
)

// parseYAML returns the only document of a file; nil when it is empty.
func parseYAML(path string, data []byte) (*yaml.Node, error) {
	in := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	switch err := in.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, nil //nolint:nilnil // an empty file is a configuration
	case err != nil:
		return nil, syntaxError(path, data, err)
	}
	if err := in.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s:%d: a second document begins here: remove the line ---", path, max(second.Line, 1))
	}
	return document.Content[0], nil
}

// syntaxError turns yaml's "yaml: line 3: …" into our form.
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
	if anchor, ok := strings.CutPrefix(text, "unknown anchor '"); ok { // not shown: it may be a secret that begins with *
		before, _, _ := bytes.Cut(data, []byte("*"+strings.TrimSuffix(anchor, "' referenced")))
		line, text = 1+bytes.Count(before, []byte("\n")), "a text that begins with * is in no quotes"
	}
	return fmt.Errorf("%s:%d: not YAML: %s: check indentation, colons and quotes around this line", path, line, text)
}
