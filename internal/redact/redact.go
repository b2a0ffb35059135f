// Package redact keeps secrets out of the texts of errors.
package redact

// Error returns err with its text changed by clean, which replaces secrets; err itself if there are none in it. errors.Is and errors.As find
// what they find in err. The texts of what they find are not changed.
func Error(err error, clean func(string) string) error {
	text := err.Error()
	if cleaned := clean(text); cleaned != text {
		return &cleanedError{cleaned, err}
	}
	return err
}

type cleanedError struct {
	text string
	err  error
}

func (e *cleanedError) Error() string { return e.text }
func (e *cleanedError) Unwrap() error { return e.err }
