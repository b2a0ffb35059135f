package history

import "context"

// Jira reads issues.
type Jira struct{}

func (b *Backfill) readIssues(context.Context) error { return nil }
