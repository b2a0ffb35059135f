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
	dateFlag(set, "since", &o.Since)
	dateFlag(set, "until", &o.Until)
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
		return writeExported(out, made)
	}
}

func writeExported(out io.Writer, made export.Summary) error {
	if made.Samples == 0 {
		_, err := fmt.Fprintln(out, "nothing to export: no backfill has read anything of that time")
		return err
	}
	_, err := fmt.Fprintf(out, "series: %d\nsamples: %d\nfrom %s to %s\n", made.Series, made.Samples, made.From.Format(time.RFC3339), made.Until.Format(time.RFC3339))
	if len(made.Imported) > 0 {
		_, _ = fmt.Fprintf(out, "left out, since Prometheus has their series from the exporter whose file was imported: %s\n", strings.Join(made.Imported, ", "))
	}
	if made.Removed {
		_, _ = fmt.Fprintln(out, "storage.retention has removed facts; what they counted is missing")
	}
	if made.Unsettled > 0 {
		_, _ = fmt.Fprintf(out, "%d evaluations are pending; export again when they are done\n", made.Unsettled)
	}
	return err
}
