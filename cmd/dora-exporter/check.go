package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"time"

	"dora-exporter/app"
	"dora-exporter/check"
	"dora-exporter/config"
)

// errChecksFailed is the error of a check that has found something; it is printed already.
var errChecksFailed = errors.New("checks failed")

// checkCommand prepares the command that checks the configuration, which it reads itself.
func checkCommand(set *flag.FlagSet) action {
	online, format := set.Bool("online", false, ""), oneOf(set, "o", "text", "json")
	return func(ctx context.Context, _ *config.Config, _ []string, out io.Writer) error {
		o := app.CheckOptions{
			Path: set.Lookup("config.file").Value.String(), WebPath: set.Lookup("web.config.file").Value.String(),
			Environment: os.Environ(), Online: *online, Now: time.Now,
		}
		set.Visit(func(f *flag.Flag) { o.Named = o.Named || f.Name == "config.file" })
		found := app.Check(ctx, o)
		err := check.Write(out, found, *format)
		if err == nil && check.Failed(found) > 0 {
			err = errChecksFailed
		}
		return err
	}
}
