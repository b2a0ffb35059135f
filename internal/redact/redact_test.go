package redact_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"dora-exporter/internal/redact"
)

func TestError(t *testing.T) {
	clean := func(text string) string { return strings.ReplaceAll(text, "secret", "[token]") }
	path := &fs.PathError{Op: "open", Path: "secret", Err: fs.ErrNotExist}
	err := redact.Error(fmt.Errorf("read the secret: %w", path), clean)
	if want := "read the [token]: open [token]: file does not exist"; err.Error() != want {
		t.Errorf("text %q, want %q", err, want)
	}
	if found := new(fs.PathError); !errors.As(err, &found) || found != path || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the chain of %q is lost", err)
	}
	if harmless := redact.Error(errors.New("nothing to hide"), clean); errors.Unwrap(harmless) != nil {
		t.Errorf("an error without a secret became %#v", harmless)
	}
}
