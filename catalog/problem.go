package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
)

const (
	adviseEndpoint = "set catalog.endpoint to the address of Backstage's backend, without /api"
	adviseBoth     = "set catalog.endpoint to the address of Backstage's backend, and catalog.token if it wants one"
)

// problem is an error that lasts until the configuration is changed.
type problem struct{ what, advice string }

func (p *problem) Error() string { return p.what + ": " + p.advice }

// problemOf returns the problem among the causes of err; empty if there is none.
func problemOf(err error) string {
	var p *problem
	if !errors.As(err, &p) {
		return ""
	}
	return p.Error()
}

// Problem returns what has to be changed in the configuration before Backstage answers, for people; empty if nothing is known.
func (b *Backstage) Problem() string { return b.outage.problem() }

// statusError returns the error of an answer that is not 200.
func (b *Backstage) statusError(status int) error {
	what := fmt.Sprintf("status %d", status)
	switch {
	case status == http.StatusNotFound:
		return &problem{what, adviseEndpoint}
	case status != http.StatusUnauthorized && status != http.StatusForbidden:
		return errors.New(what)
	case b.options.Token == "":
		return &problem{what, "Backstage wants a token: set catalog.token"}
	case status == http.StatusUnauthorized:
		return &problem{what, "Backstage refuses the token: set another catalog.token"}
	}
	return &problem{what, "the token may not read the catalog: allow catalog.entity.read, or set another catalog.token"}
}

// isPage reports whether an answer is a page for people instead of JSON.
func isPage(text []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(text), []byte("<")) }
