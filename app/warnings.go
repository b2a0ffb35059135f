package app

import (
	"log/slog"

	"dora-exporter/config"
	"dora-exporter/dora"
)

// Warn logs settings that limit the program or leave it open to anybody.
func Warn(c *config.Config, logger *slog.Logger) {
	if c.GitHub.Token == "" {
		logger.Warn("no GitHub token: calls to the GitHub API are unauthenticated and have a low rate limit; set GITHUB_TOKEN or github.token")
	}
	for _, source := range c.Unsigned() {
		remedy := source + ".webhook_secret"
		if source == dora.Jira {
			remedy += " or jira.webhook_token"
		}
		logger.Warn("webhooks are accepted without a signature: anybody who reaches this port can change the numbers; set "+remedy, "endpoint", source)
	}
}
