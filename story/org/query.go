package org

import (
	"fmt"
	"regexp"
	"strconv"
)

// field is a field of a GraphQL query with its arguments, in which variables have their values.
type field struct {
	alias, name string
	args        map[string]any
	fields      []field
}

var token = regexp.MustCompile(`[{}()\[\]:$!@=]|\.\.\.|"(?:[^"\\]|\\.)*"|-?[0-9]+|[A-Za-z_][A-Za-z0-9_]*`)

// parser reads a query without fragments that are named. It panics at what it does not expect.
type parser struct {
	tokens    []string
	variables map[string]any
}

// parse returns the fields of a query that variables include.
func parse(query string, variables map[string]any) (all []field, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("parse the query: %v", r)
		}
	}()
	p := &parser{tokens: token.FindAllString(query, -1), variables: variables}
	for p.next() != "{" { // the variables are those that were sent
	}
	return p.selection(), nil
}

func (p *parser) next() string {
	t := p.tokens[0]
	p.tokens = p.tokens[1:]
	return t
}

func (p *parser) accept(t string) bool {
	if p.tokens[0] != t {
		return false
	}
	p.next()
	return true
}

// selection reads fields up to the end of the braces.
func (p *parser) selection() (all []field) {
	for !p.accept("}") {
		if p.accept("...") {
			if p.next() != "on" {
				panic("a fragment with a name")
			}
			p.next()
			if p.next() != "{" {
				panic("a fragment without fields")
			}
			all = append(all, p.selection()...)
			continue
		}
		f := field{name: p.next(), args: map[string]any{}}
		f.alias = f.name
		if p.accept(":") {
			f.name = p.next()
		}
		if p.accept("(") {
			p.arguments(f.args)
		}
		included := true
		if p.accept("@") {
			if p.next() != "include" || p.next() != "(" {
				panic("an unknown directive")
			}
			condition := map[string]any{}
			p.arguments(condition)
			included, _ = condition["if"].(bool)
		}
		if p.accept("{") {
			f.fields = p.selection()
		}
		if included {
			all = append(all, f)
		}
	}
	return all
}

// arguments reads names with their values, up to the closing parenthesis or brace.
func (p *parser) arguments(into map[string]any) {
	for !p.accept(")") && !p.accept("}") {
		name := p.next()
		if p.next() != ":" {
			panic("an argument without a value")
		}
		into[name] = p.value()
	}
}

func (p *parser) value() any {
	switch t := p.next(); {
	case t == "$":
		return p.variables[p.next()]
	case t == "{":
		object := map[string]any{}
		p.arguments(object)
		return object
	case t == "[":
		var list []any
		for !p.accept("]") {
			list = append(list, p.value())
		}
		return list
	case t[0] == '"':
		text, _ := strconv.Unquote(t)
		return text
	case t[0] == '-' || t[0] >= '0' && t[0] <= '9':
		n, _ := strconv.Atoi(t)
		return float64(n)
	case t == "true" || t == "false":
		return t == "true"
	default:
		return t
	}
}
