package org

import (
	"fmt"
	"math"
	"strconv"
)

// object is what a query can ask of something. A value is a scalar, an object, a list of objects, a connection, or a function of the
// arguments that returns one of these.
type object map[string]any

type resolver func(args map[string]any) any

// connection is a list that is read in pages.
type connection struct {
	total int
	at    func(i int) object
}

func listOf[T any](all []T, of func(T) object) connection {
	return connection{len(all), func(i int) object { return of(all[i]) }}
}

// points returns what a query costs: each connection is one request for each element of those around it, and a hundred are a point.
// https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
func points(all []field) int {
	return max(1, int(math.Round(float64(requests(all, 1))/100)))
}

func requests(all []field, times int) (n int) {
	for _, f := range all {
		inner := times
		if first, ok := f.args["first"].(float64); ok {
			n += times
			inner = times * int(first)
		}
		n += requests(f.fields, inner)
	}
	return n
}

// execute returns what fields ask of an object.
func execute(o object, fields []field) (map[string]any, error) {
	answer := map[string]any{}
	for _, f := range fields {
		value, known := o[f.name]
		if !known {
			return nil, fmt.Errorf("field %q doesn't exist", f.name)
		}
		if resolve, is := value.(resolver); is {
			value = resolve(f.args)
		}
		var err error
		if answer[f.alias], err = f.valueOf(value); err != nil {
			return nil, err
		}
	}
	return answer, nil
}

func (f field) valueOf(value any) (any, error) {
	switch v := value.(type) {
	case object:
		if v == nil {
			return nil, nil
		}
		return execute(v, f.fields)
	case connection:
		return f.page(v)
	case []object:
		all := []any{}
		for _, o := range v {
			answer, err := execute(o, f.fields)
			if err != nil {
				return nil, err
			}
			all = append(all, answer)
		}
		return all, nil
	}
	return value, nil
}

// page returns the page of a connection that the arguments ask for.
func (f field) page(c connection) (any, error) {
	first, _ := f.args["first"].(float64)
	if first < 1 || first > 100 {
		return nil, fmt.Errorf("%s asks for the first %v", f.name, f.args["first"])
	}
	after, _ := f.args["after"].(string)
	from, _ := strconv.Atoi(after)
	to := min(from+int(first), c.total)
	nodes := []object{}
	for i := from; i < to; i++ {
		nodes = append(nodes, c.at(i))
	}
	return execute(object{
		"totalCount": c.total, "nodes": nodes,
		"pageInfo": object{"hasNextPage": to < c.total, "endCursor": strconv.Itoa(to)},
	}, f.fields)
}
