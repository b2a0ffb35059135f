package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	promconfig "github.com/prometheus/common/config"

	"dora-exporter/config"
	"dora-exporter/dora"
	"dora-exporter/export"
	"dora-exporter/persistence/sqlstore"
)

// ExportTarget is where an export goes.
type ExportTarget struct {
	// File is the path of a file of OpenMetrics text; URL receives remote write. One of them is empty.
	File, URL string
	// Labels are further labels of all series.
	Labels dora.Labels
	// HTTPConfigFile is the path of a file with the credentials and TLS of the URL, in Prometheus' format; empty for none.
	HTTPConfigFile string
	// FloatBounds is as in export.RemoteWrite.
	FloatBounds bool
}

// Export exports what happened before the store was created, with or without a running server.
func Export(ctx context.Context, c *config.Config, o export.Options, to ExportTarget) (made export.Summary, err error) {
	o.Policy = c.Policy
	err = withReader(ctx, c, func(r *sqlstore.Reader) error {
		if to.URL != "" {
			made, err = exportTo(ctx, r, o, to)
		} else {
			made, err = exportFile(ctx, r, o, to)
		}
		return err
	})
	return made, err
}

// exportFile writes a file, which appears when it is complete. If the path exists and is not a regular file, such as a link or a pipe, it is
// written to and not replaced.
func exportFile(ctx context.Context, r export.Reader, o export.Options, to ExportTarget) (made export.Summary, err error) {
	if found, err := os.Lstat(to.File); err == nil && !found.Mode().IsRegular() {
		file, err := os.OpenFile(to.File, os.O_WRONLY|os.O_TRUNC, 0)
		if err != nil {
			return made, err
		}
		made, err = export.Run(ctx, r, o, export.NewOpenMetrics(file, to.Labels))
		return made, errors.Join(err, file.Close())
	}
	file, err := os.CreateTemp(filepath.Dir(to.File), filepath.Base(to.File)+".*.tmp")
	if err != nil {
		return made, err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	made, err = export.Run(ctx, r, o, export.NewOpenMetrics(file, to.Labels))
	err = errors.Join(err, file.Chmod(0o644), file.Close())
	if err != nil {
		return made, err
	}
	return made, os.Rename(file.Name(), to.File)
}

// exportTo sends to a URL.
func exportTo(ctx context.Context, r export.Reader, o export.Options, to ExportTarget) (made export.Summary, err error) {
	client := http.DefaultClient
	if to.HTTPConfigFile != "" {
		settings, _, err := promconfig.LoadHTTPConfigFile(to.HTTPConfigFile)
		if err != nil {
			return made, fmt.Errorf("read %s: %w", to.HTTPConfigFile, err)
		}
		if client, err = promconfig.NewClientFromConfig(*settings, "export"); err != nil {
			return made, fmt.Errorf("%s: %w", to.HTTPConfigFile, err)
		}
	}
	sink, err := export.NewRemoteWrite(ctx, to.URL, client)
	if err != nil {
		return made, err
	}
	sink.Labels, sink.FloatBounds = to.Labels, to.FloatBounds
	return export.Run(ctx, r, o, sink)
}
