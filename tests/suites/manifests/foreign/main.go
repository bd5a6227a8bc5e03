// Reads objects of cert-manager and prometheus-operator strictly, as the types of these projects have them.
//
// Promise: a field that the types do not have ends it with the object's name; that such a field would be found is tried
// with each object first.
package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"sigs.k8s.io/yaml"
)

// kinds are the types of the objects that no schema of Kubernetes itself has.
var kinds = map[string]func() any{
	"cert-manager.io/v1/Certificate":          func() any { return &certmanager.Certificate{} },
	"cert-manager.io/v1/Issuer":               func() any { return &certmanager.Issuer{} },
	"monitoring.coreos.com/v1/ServiceMonitor": func() any { return &monitoring.ServiceMonitor{} },
	"monitoring.coreos.com/v1/PrometheusRule": func() any { return &monitoring.PrometheusRule{} },
}

func main() {
	read := 0
	for _, path := range os.Args[1:] {
		text, err := os.ReadFile(path)
		refuse(path, err)
		for _, object := range bytes.Split(text, []byte("\n---\n")) {
			read += readOne(path, object)
		}
	}
	fmt.Printf("%d objects of cert-manager and prometheus-operator are as their types say\n", read)
}

func readOne(path string, object []byte) int {
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Metadata   struct {
			Name string `json:"name"`
		} `json:"metadata"`
	}
	refuse(path, yaml.Unmarshal(object, &head))
	make, known := kinds[head.APIVersion+"/"+head.Kind]
	if !known {
		return 0
	}
	name := fmt.Sprintf("%s: %s %s", path, head.Kind, head.Metadata.Name)
	refuse(name, yaml.UnmarshalStrict(object, make()))
	wrong := strings.Replace(string(object), "spec:\n", "spec:\n  misspelt: true\n", 1)
	if yaml.UnmarshalStrict([]byte(wrong), make()) == nil {
		refuse(name, fmt.Errorf("a misspelt field was not found"))
	}
	return 1
}

func refuse(what string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}
