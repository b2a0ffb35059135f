package app

import (
	"io"
	"log/slog"
	"strings"

	"dora-exporter/instrumentation"
)

// maxValueBytes bounds the value of a key: names and messages may come from outside.
const maxValueBytes = 4 << 10

// NewLogger returns a logger that writes logfmt or json: time, level in lower case, the message unless it is empty, then the keys. Lines
// about events have no message, because the existing exporter documents them without: level=info endpoint=github environment=…
func NewLogger(w io.Writer, level slog.Level, format string) *slog.Logger {
	options := &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if kind := a.Value.Kind(); kind == slog.KindString || kind == slog.KindAny { // the others are short
				if text := a.Value.String(); len(text) > maxValueBytes {
					a.Value = slog.StringValue(strings.ToValidUTF8(text[:maxValueBytes], "") + "…")
				}
			}
			switch {
			case len(groups) > 0:
			case a.Key == slog.LevelKey:
				return slog.String(slog.LevelKey, strings.ToLower(a.Value.String()))
			case a.Key == slog.MessageKey && a.Value.String() == "":
				return slog.Attr{}
			}
			return a
		},
	}
	var handler slog.Handler = slog.NewTextHandler(w, options)
	if format == "json" {
		handler = slog.NewJSONHandler(w, options)
	}
	return slog.New(instrumentation.LogTraces(handler))
}
