package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"dora-exporter/check"
	"dora-exporter/config"
	"dora-exporter/dora"
	"dora-exporter/enrichment"
	"dora-exporter/instrumentation"
	"dora-exporter/internal/localfile"
	"dora-exporter/persistence/postgres"
	"dora-exporter/persistence/sqlstore"
)

// checkTimeout limits each check of a server.
const checkTimeout = 15 * time.Second

// CheckOptions configure Check.
type CheckOptions struct {
	// Path is the configuration's, which must exist if Named is true; WebPath is that of the file with TLS and basic auth, or empty.
	Path    string
	Named   bool
	WebPath string
	// Environment has the variables as in os.Environ.
	Environment []string
	// Online also checks the servers that the configuration names, and the database.
	Online bool
	Now    func() time.Time
}

// Check checks the configuration and what it names.
func Check(ctx context.Context, o CheckOptions) []dora.Finding {
	c, found := checkConfiguration(o)
	if c == nil || !o.Online {
		return found
	}
	return append(found, check.Run(ctx, checkTimeout, checksOf(c, o)...)...)
}

// checkConfiguration reads the configuration; it is nil if that fails.
func checkConfiguration(o CheckOptions) (*config.Config, []dora.Finding) {
	c, warnings, err := config.Load(o.Path, o.Named, lookUp(o.Environment))
	if err != nil {
		return nil, failures("configuration", err)
	}
	if _, err := LoadWebConfig(o.WebPath, c); err != nil {
		return nil, failures("configuration", err)
	}
	found := []dora.Finding{{Check: "configuration", Status: dora.FindingOK, Text: "the configuration is valid"}}
	for _, text := range append(warnings, config.UnusedVariables(o.Environment)...) {
		found = append(found, dora.Finding{Check: "configuration", Status: dora.FindingWarning, Text: text})
	}
	for _, w := range unsignedSources(c) {
		found = append(found, dora.Finding{Check: "configuration", Subject: w.source, Status: dora.FindingWarning, Text: acceptsUnsigned, Remedy: "set " + w.key})
	}
	return c, found
}

// failures returns a finding for each line of an error.
func failures(what string, err error) (found []dora.Finding) {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		found = append(found, dora.Finding{Check: what, Status: dora.FindingFailed, Text: line})
	}
	return found
}

// lookUp returns a function like os.Getenv for variables.
func lookUp(environment []string) func(string) string {
	return func(name string) string {
		for _, variable := range slices.Backward(environment) {
			if value, ok := strings.CutPrefix(variable, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

// checksOf returns the checks of the database and of all servers in the configuration.
func checksOf(c *config.Config, o CheckOptions) []check.Check {
	checks := []check.Check{func(ctx context.Context) []dora.Finding { return checkDatabase(ctx, c) }}
	for i, account := range gitHubAccounts(&c.GitHub) {
		options := enrichment.InspectOptions{
			Account: account, Signed: len(c.GitHub.Accounts[i].WebhookSecret) > 0, Repositories: repositoriesOfAccount(c, i), Now: o.Now,
			Repairs: c.GitHub.Repair > 0,
		}
		checks = append(checks, func(ctx context.Context) []dora.Finding { return enrichment.Inspect(ctx, options) })
	}
	if issues := newIssues(c, slog.New(slog.DiscardHandler)); issues != nil {
		checks = append(checks, func(ctx context.Context) []dora.Finding { return []dora.Finding{issues.Check(ctx)} })
	}
	if c.Catalog.Mode == "backstage" {
		checks = append(checks, func(ctx context.Context) []dora.Finding { return checkBackstage(ctx, c) })
	}
	return append(checks, receiverChecks(&c.OTLP)...)
}

// repositoriesOfAccount returns the repositories under teams, as owner/name, that an account is for.
func repositoriesOfAccount(c *config.Config, account int) (all []string) {
	accounts := c.GitHub.OwnerAccounts()
	server := accounts[account].Server()
	for _, name := range teamRepositories(c) {
		owner, repository, _ := strings.Cut(name, "/")
		if i, found := accounts.Of(server, owner); found && i == account && repository != "*" && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// teamRepositories returns the repositories under teams, as owner/name.
func teamRepositories(c *config.Config) (all []string) {
	for _, team := range c.Teams {
		for _, name := range team.Repositories {
			if !strings.Contains(name, "/") {
				name = c.GitHub.Owner + "/" + name
			}
			all = append(all, name)
		}
	}
	return all
}

func checkDatabase(ctx context.Context, c *config.Config) []dora.Finding {
	name := c.Storage.Name()
	found := func(text string) []dora.Finding {
		return []dora.Finding{{Check: "database", Status: dora.FindingOK, Text: name + " " + text}}
	}
	if !c.Storage.IsPostgreSQL() {
		if err := localfile.CheckDatabase(c.Storage.Database); err != nil {
			return failures("database", err)
		}
		if _, err := os.Stat(c.Storage.Database); errors.Is(err, fs.ErrNotExist) {
			return found("does not exist yet, the server creates it")
		}
	}
	err := withReader(ctx, c, func(r *sqlstore.Reader) error {
		_, err := r.DeadLetters(ctx)
		return err
	})
	switch {
	case errors.Is(err, postgres.ErrNoTables):
		return found(postgres.ErrNoTables.Error())
	case err != nil:
		return failures("database", err)
	}
	return found("can be read")
}

func checkBackstage(ctx context.Context, c *config.Config) []dora.Finding {
	b, err := plainBackstage(c, slog.New(slog.DiscardHandler))
	if err != nil {
		return failures("backstage", err)
	}
	return []dora.Finding{b.Check(ctx)}
}

// receiverChecks returns the checks of the receivers of OpenTelemetry that are on.
func receiverChecks(o *config.OTLP) (checks []check.Check) {
	checkReceiver := func(r *config.OTLPReceiver, path string, push func(context.Context, instrumentation.Receiver) dora.Finding) {
		checks = append(checks, func(ctx context.Context) []dora.Finding {
			to, err := newReceiver(r, path)
			if err != nil {
				return failures("otlp", fmt.Errorf("%s: %w", path, err))
			}
			return []dora.Finding{push(ctx, to)}
		})
	}
	if o.Enabled {
		checkReceiver(&o.MetricsReceiver, config.MetricsPath, func(ctx context.Context, to instrumentation.Receiver) dora.Finding {
			return instrumentation.CheckMetrics(ctx, to, o.Temporality)
		})
	}
	if o.Traces {
		checkReceiver(&o.TracesReceiver, config.TracesPath, instrumentation.CheckTraces)
	}
	return checks
}
