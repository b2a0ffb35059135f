package explain

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Explanation says why something is as it is: it is encoded as JSON for programs, and has a text for people.
type Explanation interface {
	// Text returns the explanation for people. Names that come from outside are escaped.
	Text() string
}

// Write writes an explanation as text or json.
func Write(out io.Writer, e Explanation, format string) error {
	switch format {
	case "text":
		_, err := io.WriteString(out, e.Text())
		return err
	case "json":
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(e)
	}
	return fmt.Errorf("unknown format %q of an explanation: must be one of: text, json", format)
}

// NotFoundError says that there is nothing to explain, and what to ask for instead. Nothing is wrong with the store.
type NotFoundError struct{ Err error }

// Error returns the message for the person who asked.
func (e *NotFoundError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *NotFoundError) Unwrap() error { return e.Err }

// IsNotFound reports whether an error says that there is nothing to explain.
func IsNotFound(err error) bool {
	var notFound *NotFoundError
	return errors.As(err, &notFound)
}

func notFoundf(format string, args ...any) error {
	return &NotFoundError{fmt.Errorf(format, args...)}
}
