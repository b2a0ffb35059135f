package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// decoder reads YAML nodes into variables and keeps the first error, with the line it is about.
type decoder struct {
	file     string
	err      error
	warnings []string
	// visited counts the nodes that were read: aliases make a few of them many.
	visited int
	// at is where each key's value stands.
	at map[string]*yaml.Node
}

// field reads the value of a key; path is the key with those above it, such as server.port.
type field func(n *yaml.Node, path string)

// fields are the keys of a mapping.
type fields map[string]field

// fail keeps the first error.
func (d *decoder) fail(n *yaml.Node, format string, args ...any) {
	if d.err != nil {
		return
	}
	if d.file == "" {
		d.err = fmt.Errorf(format, args...) // a variable, which has no line
		return
	}
	line := 1
	if n != nil {
		line = n.Line
	}
	d.err = fmt.Errorf("%s:%d: %s", d.file, line, fmt.Sprintf(format, args...))
}

// mapping reads a mapping. Unknown keys and keys that are there twice are errors.
func (d *decoder) mapping(n *yaml.Node, path string, known fields) {
	if empty(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		what := kind(n)
		if n.Kind == yaml.ScalarNode {
			what = "a text" // not shown: without its colon, "token: …" is one
		}
		d.fail(n, "%s is %s: write keys with values below it; known keys are %s", name(path), what, names(known))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if strings.ContainsAny(key.Value, " \t\n") { // not shown: without its colon, "token: …" is one
			d.fail(key, "a text stands where a key should%s: write \"key: value\"; known keys here are %s", under(path), names(known))
		}
		if _, ok := known[key.Value]; !ok {
			d.fail(key, "unknown key %q%s: %sknown keys here are %s", key.Value, under(path), didYouMean(key.Value, known), names(known))
		}
		if seen[key.Value] {
			d.fail(key, "%s is there twice: keep one of the two", join(path, key.Value))
		}
		seen[key.Value] = true
		if plain := strings.TrimSuffix(key.Value, "_file"); seen[plain] && seen[plain+"_file"] {
			d.fail(key, "%s and %s_file are both set: keep one of the two", join(path, plain), join(path, plain))
		}
	}
	for i := 0; i+1 < len(n.Content) && d.err == nil; i += 2 {
		if !d.visit(n.Content[i]) {
			return
		}
		key, value := join(path, n.Content[i].Value), resolved(n.Content[i+1])
		d.at[key] = value
		if !empty(value) {
			known[n.Content[i].Value](value, key)
		}
	}
}

// visit counts a node that is read, and reports whether the limit allows it.
func (d *decoder) visit(n *yaml.Node) bool {
	if d.visited++; d.visited > mostNodes {
		d.fail(n, "there are more than %d keys and list items, each alias counted with all that it stands for: write fewer", mostNodes)
	}
	return d.err == nil
}

// section reads a mapping below a key.
func (d *decoder) section(known fields) field {
	return func(n *yaml.Node, path string) { d.mapping(n, path, known) }
}

// list reads a list; example is an item of one.
func (d *decoder) list(example string, read field) field {
	return func(n *yaml.Node, path string) {
		if n.Kind != yaml.SequenceNode {
			d.fail(n, "%s is %s, not a list: write each item on a line of its own, such as \"- %s\"", path, kind(n), example)
			return
		}
		for i, one := range n.Content {
			if !d.visit(one) {
				return
			}
			at := fmt.Sprintf("%s[%d]", path, i)
			d.at[at] = resolved(one)
			read(resolved(one), at)
		}
	}
}

// kind says what a node is, to a person. A value that is shown is one that may be shown: a port, an address, a choice.
func kind(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case empty(n):
		return "empty"
	case strings.ContainsAny(n.Value, "@?"): // an address with a password or a token
		return "a text"
	}
	return strconv.Quote(n.Value)
}

func empty(n *yaml.Node) bool { return n == nil || n.Tag == "!!null" }

func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func name(path string) string {
	if path == "" {
		return "the configuration"
	}
	return path
}

func under(path string) string {
	if path == "" {
		return ""
	}
	return " under " + path
}

func names(known fields) string {
	return strings.Join(slices.Sorted(maps.Keys(known)), ", ")
}
