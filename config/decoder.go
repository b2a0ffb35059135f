package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// decoder reads YAML nodes into variables and collects errors, each with its line.
type decoder struct {
	file string
	// sections are the sections to read; all if empty.
	sections []string
	// errs are the first maxErrors errors, errorCount counts all.
	errs       []lineError
	errorCount int
	warnings   []string
	// visited counts the nodes read, including those that aliases repeat.
	visited int
	// nodes are the values of the keys by path.
	nodes map[string]*yaml.Node
}

// field reads the value of a key; path is the key with its parents, such as server.port.
type field func(n *yaml.Node, path string)

// fields are the keys of a mapping.
type fields map[string]field

// fail adds an error about a node; nil stands for the whole file.
func (d *decoder) fail(n *yaml.Node, format string, args ...any) {
	line := 1
	if n != nil {
		line = n.Line
	}
	if d.file == "" {
		line = 0 // an environment variable
	}
	d.add(lineError{file: d.file, line: line, text: fmt.Sprintf(format, args...)})
}

func (d *decoder) add(e lineError) {
	if d.errorCount++; len(d.errs) < maxErrors {
		d.errs = append(d.errs, e)
	}
}

// hasErrors reports whether read adds an error.
func (d *decoder) hasErrors(read func()) bool {
	before := d.errorCount
	read()
	return d.errorCount > before
}

// mapping reads a mapping. Unknown and repeated keys are errors.
func (d *decoder) mapping(n *yaml.Node, path string, known fields) {
	if empty(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		what := describe(n)
		if n.Kind == yaml.ScalarNode {
			what = "text" // not shown: it may be "token …" without its colon
		}
		d.fail(n, "%s is %s, must be a mapping: write keys with values below it; known keys: %s", sectionName(path), what, keyList(known))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if strings.ContainsAny(key.Value, " \t\n") { // not shown: it may be "token …" without its colon
			d.fail(key, "text without a key%s: write \"key: value\"; known keys: %s", inSection(path), keyList(known))
			continue
		}
		if _, ok := known[key.Value]; !ok {
			d.fail(key, "unknown key %q%s: %sknown keys: %s", key.Value, inSection(path), didYouMean(key.Value, known), keyList(known))
			continue
		}
		if seen[key.Value] {
			d.fail(key, "%s is set twice: remove one of the two", join(path, key.Value))
			continue
		}
		seen[key.Value] = true
		if plain := strings.TrimSuffix(key.Value, "_file"); seen[plain] && seen[plain+"_file"] {
			d.fail(key, "%s and %s_file are both set: remove one of the two", join(path, plain), join(path, plain))
			continue
		}
		if !d.visit(key) {
			return
		}
		if !d.includes(join(path, key.Value)) {
			continue
		}
		value := resolveAlias(n.Content[i+1])
		d.nodes[join(path, key.Value)] = value
		if !empty(value) {
			known[key.Value](value, join(path, key.Value))
		}
	}
}

// includes reports whether a key is inside a section to read, or contains one.
func (d *decoder) includes(path string) bool {
	return len(d.sections) == 0 || slices.ContainsFunc(d.sections, func(section string) bool {
		return section == path || strings.HasPrefix(path, section+".") || strings.HasPrefix(section, path+".")
	})
}

// visit counts a node that is read, and reports whether the limit allows it.
func (d *decoder) visit(n *yaml.Node) bool {
	if d.visited++; d.visited == maxNodes+1 {
		d.fail(n, "more than %d keys and list items, including those that aliases repeat: write fewer", maxNodes)
	}
	return d.visited <= maxNodes
}

// section reads the mapping below a key.
func (d *decoder) section(known fields) field {
	return func(n *yaml.Node, path string) { d.mapping(n, path, known) }
}

// list reads a list; example is shown in errors.
func (d *decoder) list(example string, read field) field {
	return func(n *yaml.Node, path string) {
		if n.Kind != yaml.SequenceNode {
			d.fail(n, "%s is %s, must be a list: write each item on a line of its own, such as \"- %s\"", path, describe(n), example)
			return
		}
		for i, item := range n.Content {
			if !d.visit(item) {
				return
			}
			itemPath := fmt.Sprintf("%s[%d]", path, i)
			item = resolveAlias(item)
			d.nodes[itemPath] = item
			read(item, itemPath)
		}
	}
}

// describe describes a node for a message. It is only used for values that are no secrets: ports, addresses, choices.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case empty(n):
		return "empty"
	case strings.ContainsAny(n.Value, "@?"): // an address with a password or a token
		return "text"
	}
	return strconv.Quote(n.Value)
}

func empty(n *yaml.Node) bool { return n == nil || n.Tag == "!!null" }

func resolveAlias(n *yaml.Node) *yaml.Node {
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

func sectionName(path string) string {
	if path == "" {
		return "the configuration"
	}
	return path
}

func inSection(path string) string {
	if path == "" {
		return ""
	}
	return " under " + path
}

func keyList(known fields) string {
	return strings.Join(slices.Sorted(maps.Keys(known)), ", ")
}
