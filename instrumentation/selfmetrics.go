package instrumentation

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"dora-exporter/dora"
)

// SelfMetrics holds the metrics about the program itself. Its methods are safe for concurrent use.
type SelfMetrics struct {
	deliveries, githubRequests, catalogLookups, teamsGivenUp, checkpointWrites, foldedEvents, lateEvents, metricExports, spanExports, lostSpans metric.Int64Counter
	conflicts, acceptFailures, evictions, removed, staleScrapes                                                                                 metric.Int64Counter
	repairChecked, repairMissing, repairRepaired                                                                                                metric.Int64Counter

	deliveryLabels, gitHubLabels labelSets

	gitHub gitHubAccounts
	// lastCheckpoint is the time of the last successful write, with its monotonic reading; nil before the first.
	lastCheckpoint atomic.Pointer[time.Time]

	// pushing reports whether this server pushes the metrics; nil unless several servers share the push.
	pushing atomic.Pointer[func() bool]

	queries storeQueries
}

// Delivery counts a webhook request by its result.
func (o *SelfMetrics) Delivery(source, event, result string) {
	o.addDeliveries(source, event, result, 1)
}

func (o *SelfMetrics) addDeliveries(source, event, result string, n int64) {
	o.deliveries.Add(context.Background(), n, o.deliveryLabels.of(source, event, result))
}

// Conflict counts a redelivery that differs from the stored event.
func (o *SelfMetrics) Conflict() { o.conflicts.Add(context.Background(), 1) }

// AcceptFailure counts a connection that could not be accepted.
func (o *SelfMetrics) AcceptFailure() { o.acceptFailures.Add(context.Background(), 1) }

// Evicted counts connections that were closed to make room for others.
func (o *SelfMetrics) Evicted(n int) { o.evictions.Add(context.Background(), int64(n)) }

// Removed counts what storage.retention has removed: deliveries, facts, deployments or incidents.
func (o *SelfMetrics) Removed(what string, n int) {
	o.removed.Add(context.Background(), int64(n), metric.WithAttributes(attribute.String("what", what)))
}

// Repair counts events of a kind that were checked, how many of these no webhook had brought, and how many of these were stored, or are
// delivered again.
func (o *SelfMetrics) Repair(kind, account string, checked, missing, repaired int) {
	labels := metric.WithAttributes(attribute.String("account", account), attribute.String("kind", kind))
	o.repairChecked.Add(context.Background(), int64(checked), labels)
	o.repairMissing.Add(context.Background(), int64(missing), labels)
	o.repairRepaired.Add(context.Background(), int64(repaired), labels)
}

// CatalogLookup counts a look-up of a team.
func (o *SelfMetrics) CatalogLookup(result string) {
	o.catalogLookups.Add(context.Background(), 1, metric.WithAttributes(attribute.String("result", result)))
}

// TeamGivenUp counts a delivery that was counted under team Unknown because the catalog did not answer in time.
func (o *SelfMetrics) TeamGivenUp() { o.teamsGivenUp.Add(context.Background(), 1) }

// Folded counts events that were counted under the label value other because their group of families reached the series limit.
func (o *SelfMetrics) Folded(families string, events int) {
	o.foldedEvents.Add(context.Background(), int64(events), metric.WithAttributes(attribute.String("families", families)))
}

// Late counts events that arrived after their neighbours had been evaluated.
func (o *SelfMetrics) Late(events int) { o.lateEvents.Add(context.Background(), int64(events)) }

// Checkpoint counts an attempt to write the checkpoint.
func (o *SelfMetrics) Checkpoint(at time.Time, err error) {
	if err == nil {
		o.lastCheckpoint.Store(&at)
	}
	o.checkpointWrites.Add(context.Background(), 1, metric.WithAttributes(attribute.String("result", resultOf(err))))
}

// countExport counts requests that push metrics, by result.
func (o *SelfMetrics) countExport(result string, n int64) {
	o.metricExports.Add(context.Background(), n, metric.WithAttributes(attribute.String("result", result)))
}

// countSpanExport counts requests that push traces, by result.
func (o *SelfMetrics) countSpanExport(result string, n int64) {
	o.spanExports.Add(context.Background(), n, metric.WithAttributes(attribute.String("result", result)))
}

// countLostSpans counts dropped spans.
func (o *SelfMetrics) countLostSpans(n int64) { o.lostSpans.Add(context.Background(), n) }

func resultOf(err error) string {
	if err != nil {
		return "error"
	}
	return "ok"
}

// registerCounters makes the instruments. Counters that alerts watch start at 0, so that increase sees the first event.
func (o *SelfMetrics) registerCounters(m metric.Meter, options Options) error {
	o.deliveryLabels.names, o.gitHubLabels.names = [3]string{"source", "event", "result"}, [3]string{"account", "route", "code"}
	var err error
	for name, counter := range map[string]*metric.Int64Counter{
		"dora_exporter.deliveries":        &o.deliveries,
		"dora_exporter.github.requests":   &o.githubRequests,
		"dora_exporter.catalog.lookups":   &o.catalogLookups,
		"dora_exporter.catalog.given_up":  &o.teamsGivenUp,
		"dora_exporter.checkpoint.writes": &o.checkpointWrites,
		"dora_exporter.series.folded":     &o.foldedEvents,
		"dora_exporter.late_events":       &o.lateEvents,
		"dora_exporter.otlp.exports":      &o.metricExports,
		"dora_exporter.otlp.span_exports": &o.spanExports,
		"dora_exporter.otlp.lost_spans":   &o.lostSpans,

		"dora_exporter.delivery_conflicts":  &o.conflicts,
		"dora_exporter.accept_failures":     &o.acceptFailures,
		"dora_exporter.connections.evicted": &o.evictions,
		"dora_exporter.store.removed":       &o.removed,
		"dora_exporter.stale_scrapes":       &o.staleScrapes,
		"dora_exporter.repair.checked":      &o.repairChecked,
		"dora_exporter.repair.missing":      &o.repairMissing,
		"dora_exporter.repair.repaired":     &o.repairRepaired,
	} {
		if *counter, err = m.Int64Counter(name, metric.WithDescription(selfHelp[name]), metric.WithUnit(selfUnits[name])); err != nil {
			return fmt.Errorf("instrument %s: %w", name, err)
		}
	}
	for _, source := range []string{dora.GitHub, dora.Jira} {
		o.addDeliveries(source, "unknown", "unauthorized", 0)
	}
	for _, counter := range []metric.Int64Counter{o.teamsGivenUp, o.lateEvents, o.conflicts, o.acceptFailures, o.evictions, o.staleScrapes} {
		counter.Add(context.Background(), 0)
	}
	for _, what := range []string{"deliveries", "facts", "deployments", "incidents"} {
		o.Removed(what, 0)
	}
	for _, f := range options.Families {
		families, _, _ := strings.Cut(f.Name, "_")
		o.Folded(families, 0)
	}
	if options.Pools != nil {
		if err := registerPools(m, options.Pools); err != nil {
			return fmt.Errorf("instruments of connections: %w", err)
		}
	}
	if options.Leases != nil {
		if err := registerLeases(m, &o.queries, options.Leases, options.UnclaimedLeases); err != nil {
			return fmt.Errorf("instruments of leases: %w", err)
		}
	}
	return o.registerGauges(m, options)
}

// withPrometheusNames gives the program's own metrics their Prometheus names.
// https://prometheus.io/docs/practices/naming/
func withPrometheusNames(scope metricdata.ScopeMetrics) metricdata.ScopeMetrics {
	for i, m := range scope.Metrics {
		name := strings.ReplaceAll(m.Name, ".", "_")
		switch m.Unit {
		case "s":
			name += "_seconds"
		case "By":
			name += "_bytes"
		}
		switch m.Data.(type) {
		case metricdata.Sum[int64], metricdata.Sum[float64]:
			name += "_total"
		}
		scope.Metrics[i].Name, scope.Metrics[i].Unit = name, ""
	}
	return scope
}

// selfHelp are the descriptions of the program's own metrics.
var selfHelp = map[string]string{
	"dora_exporter.build_info":                       "Always 1; the labels have the running version.",
	"dora_exporter.deliveries":                       "Webhook requests by source, event and result.",
	"dora_exporter.backlog":                          "Stored deliveries that are not processed yet.",
	"dora_exporter.oldest_pending.age":               "Age of the oldest stored delivery that is not processed yet, 0 if there is none.",
	"dora_exporter.github.requests":                  "Requests to the GitHub API by account, route and status code; code error if there was no answer.",
	"dora_exporter.github.lookups_waiting":           "Commits that wait for their look-up at GitHub.",
	"dora_exporter.github.rate_limit":                "Requests that GitHub allows in a rate limit window.",
	"dora_exporter.github.rate_limit_remaining":      "Requests that GitHub still allows in the current rate limit window.",
	"dora_exporter.github.auth_failing":              "1 while GitHub refuses the credential of an account (401, or 403 without a rate limit), else 0.",
	"dora_exporter.github.inaccessible_repositories": "Repositories with waiting deployments that the account may not see, that are gone, or that no account is for.",
	"dora_exporter.github.paused":                    "1 while all calls of an account to the GitHub API are paused, by reason, else 0.",
	"dora_exporter.evaluations.waiting":              "Deployments, outcomes and incidents that wait for their evaluation, including those within deployments.settle.",
	"dora_exporter.evaluations.due":                  "Waiting evaluations for which deployments.settle has passed: failing, behind a failing one, or about to run.",
	"dora_exporter.evaluations.oldest_waiting":       "Time for which the oldest due evaluation has been due, 0 if none is due.",
	"dora_exporter.catalog.lookups":                  "Look-ups of teams in the catalog by result.",
	"dora_exporter.catalog.given_up":                 "Deliveries counted under team Unknown because the catalog did not answer within catalog.max_wait.",
	"dora_exporter.dead_letters":                     "Dead letters: deliveries that can't be processed; dora-exporter deliveries list shows them.",
	"dora_exporter.series":                           "Series that count towards the series limit, by the first word of the families' names.",
	"dora_exporter.series.folded":                    "Events counted under the label value other because the series limit was reached, by the first word of the families' names.",
	"dora_exporter.late_events":                      "Events that arrived after their neighbours had been evaluated, later than deployments.settle allows.",
	"dora_exporter.series.limit":                     "Limit on the series of each group of families (metrics.max_series).",
	"dora_exporter.checkpoint.age":                   "Age of the newest checkpoint.",
	"dora_exporter.checkpoint.writes":                "Attempts to write the checkpoint by result.",
	"dora_exporter.projection.lag":                   "Stored facts that the metrics lacked at the newest scrape.",
	"dora_exporter.stale_scrapes":                    "Scrapes answered without facts that were stored before, since these could not be added within a second.",
	"dora_exporter.otlp.exports":                     "Pushes of metrics over OTLP by result.",
	"dora_exporter.otlp.lease_held":                  "1 while this server pushes the metrics over OTLP, 0 while another one does.",
	"dora_exporter.otlp.span_exports":                "Pushes of traces over OTLP by result.",
	"dora_exporter.otlp.lost_spans":                  "Spans that were dropped because the queue was full or their push failed.",
	"dora_exporter.store.waiting_writes":             "Writes that wait to be committed to the store.",
	"dora_exporter.store.stalled":                    "Time for which writes have waited without any commit to the store, else 0.",
	"dora_exporter.store.wal":                        "Size of the store's write-ahead log.",
	"dora_exporter.store.size":                       "Size of the store: the database with its write-ahead log.",
	"dora_exporter.store.connections":                "Connections of this process to the database, by pool and state: used or idle.",
	"dora_exporter.store.connections.limit":          "Connections that this process may have to the database, by pool.",
	"dora_exporter.store.connections.waits":          "Queries that had to wait for a connection of a pool.",
	"dora_exporter.store.connections.wait_time":      "Time for which queries have waited for a connection of a pool.",
	"dora_exporter.leases.held":                      "Leases that this server holds, by queue.",
	"dora_exporter.leases.taken_over":                "Expired leases of other servers that this server has taken over, by queue.",
	"dora_exporter.leases.lost":                      "Transactions that this server has undone because another server had taken over their lease, by queue.",
	"dora_exporter.leases.unclaimed":                 "Time since the oldest lease expired whose work is due and claimed by no server, by queue, 0 if there is none.",
	"dora_exporter.store.removed":                    "Deliveries, facts, deployments and incidents that storage.retention has removed.",
	"dora_exporter.repair.checked":                   "Events that were looked for in case no webhook brought them, by account and kind.",
	"dora_exporter.repair.missing":                   "Events that no webhook has brought, by account and kind.",
	"dora_exporter.repair.repaired":                  "Missing events that were stored, or that GitHub delivers again, by account and kind.",
	"dora_exporter.delivery_conflicts":               "Redeliveries that differ from the stored event of the same id; the stored one stays.",
	"dora_exporter.accept_failures":                  "Connections that could not be accepted, for example because no file descriptors were left.",
	"dora_exporter.connections.evicted":              "Connections closed to make room for others while the limit of an address was reached.",
	"dora_exporter.unsigned_webhooks_accepted":       "1 for each source whose webhooks are accepted from anybody because neither a secret nor a token is set.",
}

// selfUnits are the units of the program's own metrics. Gauges of 0 or 1 have none: the Collector would take unit 1 for a ratio.
// https://opentelemetry.io/docs/specs/semconv/general/metrics/#instrument-units
var selfUnits = map[string]string{
	"dora_exporter.deliveries":                       "{request}",
	"dora_exporter.backlog":                          "{delivery}",
	"dora_exporter.oldest_pending.age":               "s",
	"dora_exporter.dead_letters":                     "{delivery}",
	"dora_exporter.late_events":                      "{event}",
	"dora_exporter.store.connections.waits":          "{query}",
	"dora_exporter.store.connections.wait_time":      "s",
	"dora_exporter.leases.held":                      "{lease}",
	"dora_exporter.leases.taken_over":                "{lease}",
	"dora_exporter.leases.lost":                      "{transaction}",
	"dora_exporter.leases.unclaimed":                 "s",
	"dora_exporter.series":                           "{series}",
	"dora_exporter.series.limit":                     "{series}",
	"dora_exporter.series.folded":                    "{event}",
	"dora_exporter.github.requests":                  "{request}",
	"dora_exporter.github.lookups_waiting":           "{commit}",
	"dora_exporter.github.rate_limit":                "{request}",
	"dora_exporter.github.rate_limit_remaining":      "{request}",
	"dora_exporter.github.inaccessible_repositories": "{repository}",
	"dora_exporter.evaluations.waiting":              "{evaluation}",
	"dora_exporter.evaluations.due":                  "{evaluation}",
	"dora_exporter.evaluations.oldest_waiting":       "s",
	"dora_exporter.catalog.lookups":                  "{lookup}",
	"dora_exporter.catalog.given_up":                 "{delivery}",
	"dora_exporter.checkpoint.age":                   "s",
	"dora_exporter.checkpoint.writes":                "{write}",
	"dora_exporter.store.waiting_writes":             "{write}",
	"dora_exporter.store.stalled":                    "s",
	"dora_exporter.store.wal":                        "By",
	"dora_exporter.store.size":                       "By",
	"dora_exporter.store.connections":                "{connection}",
	"dora_exporter.store.connections.limit":          "{connection}",
	"dora_exporter.store.removed":                    "{record}",
	"dora_exporter.projection.lag":                   "{fact}",
	"dora_exporter.stale_scrapes":                    "{scrape}",
	"dora_exporter.otlp.exports":                     "{push}",
	"dora_exporter.otlp.span_exports":                "{push}",
	"dora_exporter.otlp.lost_spans":                  "{span}",
	"dora_exporter.repair.checked":                   "{event}",
	"dora_exporter.repair.missing":                   "{event}",
	"dora_exporter.repair.repaired":                  "{event}",
	"dora_exporter.delivery_conflicts":               "{request}",
	"dora_exporter.accept_failures":                  "{connection}",
	"dora_exporter.connections.evicted":              "{connection}",
}
