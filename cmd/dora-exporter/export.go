package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"dora-exporter/app"
	"dora-exporter/config"
	"dora-exporter/dora"
	"dora-exporter/export"
	"dora-exporter/internal/age"
)

// labelPattern matches a label as Prometheus and OpenMetrics write it.
var labelPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// exportCommand prepares the command that exports what happened before the store was created.
func exportCommand(set *flag.FlagSet) action {
	o, to := export.Options{Every: 6 * time.Hour}, app.ExportTarget{Labels: dora.Labels{}}
	timeFlag(set, "since", &o.Since)
	timeFlag(set, "until", &o.Until)
	format := oneOf(set, "o", "openmetrics", "remote-write")
	set.Func("label", "", func(text string) error {
		name, value, _ := strings.Cut(text, "=")
		if value = strings.Trim(value, `"`); !labelPattern.MatchString(name) || value == "" {
			return errors.New("must be a name and a value, such as job=dora-exporter")
		}
		to.Labels[name] = value
		return nil
	})
	set.Func("every", "", func(text string) (err error) {
		if o.Every, err = age.Parse(text); err != nil || o.Every < 5*time.Minute || o.Every > dora.Day {
			return errors.New("must be a time from 5m to 1d, such as 6h")
		}
		return nil
	})
	set.StringVar(&to.HTTPConfigFile, "http.config.file", "", "")
	set.BoolVar(&to.FloatBounds, "float-le", false, "")
	return func(ctx context.Context, c *config.Config, args []string, out io.Writer) error {
		if to.File = args[0]; *format == "remote-write" {
			if u, err := url.Parse(args[0]); err != nil || u.Host == "" {
				return fmt.Errorf("%q is not a URL such as http://prometheus:9090/api/v1/write", args[0])
			}
			to.File, to.URL = "", args[0]
		}
		o.OnFamily = func(name string) { _, _ = fmt.Fprintln(os.Stderr, name) }
		made, err := app.Export(ctx, c, o, to)
		if err != nil {
			return err
		}
		return made.Write(out)
	}
}
