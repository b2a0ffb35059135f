package app

import (
	"log/slog"
	"strings"

	"dora-exporter/config"
	"dora-exporter/dora"
)

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
	for _, source := range c.Unsigned() {
		remedy := source + ".webhook_secret"
		if source == dora.GitHub {
			remedy = strings.Join(c.GitHub.Unsigned(), ".webhook_secret, ") + ".webhook_secret"
		}
		if source == dora.Jira {
			remedy += " or jira.webhook_token"
		}
		logger.Warn("webhooks are accepted without a signature: anybody who reaches this port can change the numbers; set "+remedy, "endpoint", source)
	}
}
