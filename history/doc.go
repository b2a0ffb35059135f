// Package history reads what happened before the exporter was installed: deployments from GitHub, in bulk, with what is needed to tell
// what they shipped, and incidents from Jira. It makes the deliveries of it that webhooks would have brought.
package history
