// A real OTLP receiver, that of the OpenTelemetry Collector, for the suite beside it.
//
//	otlp-receiver GRPC_ADDRESS HTTP_ADDRESS FILE
//
// The first request is answered with UNAVAILABLE, each with a record that has "guilty" in it with INVALID_ARGUMENT;
// the records of all others are written into FILE, a line each: protocol, uid, event name, severity, code, body.
// Spans are written into FILE.spans, a line each: service, name, trace, id, parent, links (with commas between).
// It ends when its standard input does.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// taken is what one receiver hands its records to.
type taken struct {
	one      sync.Mutex
	requests int
	file     *os.File
}

func (t *taken) consume(_ context.Context, logs plog.Logs) error {
	t.one.Lock()
	defer t.one.Unlock()
	t.requests++
	if t.requests == 1 {
		return status.Error(codes.Unavailable, "starting")
	}
	var lines []string
	for _, resource := range logs.ResourceLogs().All() {
		cluster, _ := resource.Resource().Attributes().Get("k8s.cluster.name")
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				if strings.Contains(record.Body().Str(), "guilty") {
					return status.Error(codes.InvalidArgument, "a guilty record")
				}
				uid, _ := record.Attributes().Get("log.record.uid")
				lines = append(lines, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\n", cluster.Str(), scope.Scope().Name(),
					uid.Str(), record.EventName(), record.SeverityText(), record.Body().Str()))
			}
		}
	}
	_, err := t.file.WriteString(strings.Join(lines, ""))
	return err
}

// spans is what the receiver of traces hands its spans to.
type spans struct {
	one  sync.Mutex
	file *os.File
}

func (s *spans) consume(_ context.Context, traces ptrace.Traces) error {
	s.one.Lock()
	defer s.one.Unlock()
	for _, resource := range traces.ResourceSpans().All() {
		service, _ := resource.Resource().Attributes().Get("service.name")
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				var links []string
				for _, link := range span.Links().All() {
					links = append(links, link.SpanID().String())
				}
				_, err := fmt.Fprintf(s.file, "%s\t%s\t%s\t%s\t%s\t%s\n", service.Str(), span.Name(),
					span.TraceID(), span.SpanID(), span.ParentSpanID(), strings.Join(links, ","))
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func main() {
	file, err := os.Create(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	factory := otlpreceiver.NewFactory()
	config := factory.CreateDefaultConfig().(*otlpreceiver.Config)
	config.Protocols.GRPC.GetOrInsertDefault().NetAddr.Endpoint = os.Args[1]
	http := &config.Protocols.HTTP.GetOrInsertDefault().ServerConfig
	http.NetAddr.Endpoint = os.Args[2]
	http.MaxRequestBodySize = 8 << 20 // as a batch can reach it; the default is 20 MiB
	next, err := consumer.NewLogs((&taken{file: file}).consume)
	if err != nil {
		log.Fatal(err)
	}
	spanFile, err := os.Create(os.Args[3] + ".spans")
	if err != nil {
		log.Fatal(err)
	}
	nextSpans, err := consumer.NewTraces((&spans{file: spanFile}).consume)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	settings := receiver.Settings{ID: component.NewID(factory.Type()), TelemetrySettings: componenttest.NewNopTelemetrySettings()}
	logs, err := factory.CreateLogs(ctx, settings, config, next)
	if err != nil {
		log.Fatal(err)
	}
	// The factory gives one receiver for both signals, which is started once for each.
	traces, err := factory.CreateTraces(ctx, settings, config, nextSpans)
	if err != nil {
		log.Fatal(err)
	}
	if err := traces.Start(ctx, componenttest.NewNopHost()); err != nil {
		log.Fatal(err)
	}
	if err := logs.Start(ctx, componenttest.NewNopHost()); err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening")
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := logs.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	if err := traces.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
}
