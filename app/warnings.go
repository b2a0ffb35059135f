package app

import (
	"log/slog"
	"strings"

	"dora-exporter/config"
	"dora-exporter/dora"
)

const acceptsUnsigned = "webhooks are accepted without a signature: anybody who reaches this port can change the numbers"

// Warn logs settings that limit the program or leave it open to anybody.
func Warn(c *config.Config, logger *slog.Logger) {
	for _, a := range c.GitHub.Accounts {
		if a.Token == "" && a.App == nil {
			remedy := a.Key + ".token"
			if a.Key == "github" {
				remedy = "GITHUB_TOKEN or github.token"
			}
			logger.Warn("no GitHub token: calls to the GitHub API are unauthenticated and have a low rate limit; set " + remedy)
		}
	}
	for _, w := range unsignedSources(c) {
		logger.Warn(acceptsUnsigned+"; set "+w.key, "endpoint", w.source)
	}
}

// unsignedSource is a source whose webhooks are accepted from anybody, with the keys that change that.
type unsignedSource struct{ source, key string }

func unsignedSources(c *config.Config) (all []unsignedSource) {
	for _, source := range c.Unsigned() {
		key := "jira.webhook_secret or jira.webhook_token"
		if source == dora.GitHub {
			key = strings.Join(c.GitHub.Unsigned(), ".webhook_secret, ") + ".webhook_secret"
		}
		all = append(all, unsignedSource{source, key})
	}
	return all
}
