// Decides with Karmada's own scheduling algorithm.
//
// One JSON request a line on standard input, one answer a line on standard output, in order:
//
//	{"clusters": [Cluster], "spec": ResourceBindingSpec, "status"?: ResourceBindingStatus}
//	{"seats", "votes": [{"name", "votes"}], "uid"?}
//	{"clusters"?: [TargetCluster], "affinityName"?, "error"?, "noClusterFits"?, "panic"?}
//
// The first is decided as the scheduler does, by its filters, scores, selection and assignment, with the estimates of
// its general estimator. The second divides seats by Webster's method.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-logr/logr"
	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	workv1alpha2 "github.com/karmada-io/karmada/pkg/apis/work/v1alpha2"
	"github.com/karmada-io/karmada/pkg/features"
	clusterlister "github.com/karmada-io/karmada/pkg/generated/listers/cluster/v1alpha1"
	schedulercache "github.com/karmada-io/karmada/pkg/scheduler/cache"
	"github.com/karmada-io/karmada/pkg/scheduler/core"
	"github.com/karmada-io/karmada/pkg/scheduler/framework"
	"github.com/karmada-io/karmada/pkg/scheduler/framework/plugins"
	"github.com/karmada-io/karmada/pkg/util/helper"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

type party struct {
	Name  string `json:"name"`
	Votes int64  `json:"votes"`
}

type request struct {
	Clusters []*clusterv1alpha1.Cluster         `json:"clusters"`
	Spec     *workv1alpha2.ResourceBindingSpec  `json:"spec"`
	Status   workv1alpha2.ResourceBindingStatus `json:"status"`

	Seats int32     `json:"seats"`
	Votes []party   `json:"votes"`
	UID   types.UID `json:"uid"`
}

type answer struct {
	Clusters      []workv1alpha2.TargetCluster `json:"clusters,omitempty"`
	AffinityName  string                       `json:"affinityName,omitempty"`
	Error         string                       `json:"error,omitempty"`
	NoClusterFits bool                         `json:"noClusterFits,omitempty"`
	Panic         string                       `json:"panic,omitempty"`
}

func main() {
	klog.SetLogger(logr.Discard())
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	if err := features.FeatureGate.Set("MultiplePodTemplatesScheduling=true"); err != nil {
		return err
	}
	requests := json.NewDecoder(bufio.NewReader(in))
	writer := bufio.NewWriter(out)
	answers := json.NewEncoder(writer)
	for {
		var asked request
		if err := requests.Decode(&asked); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := answers.Encode(decide(&asked)); err != nil {
			return err
		}
		if err := writer.Flush(); err != nil {
			return err
		}
	}
}

func decide(asked *request) (told answer) {
	defer func() {
		if reason := recover(); reason != nil {
			told = answer{Panic: fmt.Sprint(reason)}
		}
	}()
	if asked.Spec == nil {
		return divide(asked)
	}
	algorithm, err := algorithm(asked.Clusters)
	if err != nil {
		return answer{Error: err.Error()}
	}
	placement := asked.Spec.Placement
	if placement == nil || placement.ClusterAffinity != nil || len(placement.ClusterAffinities) == 0 {
		return schedule(algorithm, asked)
	}
	// As the scheduler goes from group to group.
	var first *answer
	for _, term := range placement.ClusterAffinities {
		asked.Status.SchedulerObservedAffinityName = term.AffinityName
		told = schedule(algorithm, asked)
		if told.Error == "" {
			told.AffinityName = term.AffinityName
			return told
		}
		if first == nil {
			first = &told
		}
	}
	return *first
}

func divide(asked *request) answer {
	weights := make(helper.ClusterWeightInfoList, 0, len(asked.Votes))
	for _, party := range asked.Votes {
		weights = append(weights, helper.ClusterWeightInfo{ClusterName: party.Name, Weight: party.Votes})
	}
	dispenser := helper.NewDispenser(asked.Seats, nil, asked.UID)
	dispenser.AllocateByWeight(weights)
	return answer{Clusters: dispenser.Result}
}

func algorithm(clusters []*clusterv1alpha1.Cluster) (core.ScheduleAlgorithm, error) {
	indexer := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	for _, cluster := range clusters {
		if err := indexer.Add(cluster); err != nil {
			return nil, err
		}
	}
	known := schedulercache.NewCache(clusterlister.NewClusterLister(indexer))
	return core.NewGenericScheduler(known, plugins.NewInTreeRegistry())
}

func schedule(algorithm core.ScheduleAlgorithm, asked *request) answer {
	// Parts of what is asked are filled in on the way.
	spec, status := asked.Spec.DeepCopy(), asked.Status.DeepCopy()
	result, err := algorithm.Schedule(context.Background(), spec, status, &core.ScheduleAlgorithmOption{})
	if err != nil {
		var fit *framework.FitError
		return answer{Error: err.Error(), NoClusterFits: errors.As(err, &fit)}
	}
	return answer{Clusters: result.SuggestedClusters}
}
