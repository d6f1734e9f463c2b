// Field names, numbers and types of what plugins of devices and the kubelet say to each other, as tables.
// Source of the facts: https://github.com/kubernetes/kubelet/tree/master/pkg/apis
import type { GrpcTable } from '../../machinery/grpc-table.ts';

export const PLUGIN_REGISTRATION: GrpcTable = {
  package: 'pluginregistration',
  messages: `
InfoRequest:
PluginInfo: type=1 name=2 endpoint=3 supported_versions=4:string[]
RegistrationStatus: plugin_registered=1:bool error=2
RegistrationStatusResponse:
`,
  services: {
    Registration: `
GetInfo: InfoRequest PluginInfo
NotifyRegistrationStatus: RegistrationStatus RegistrationStatusResponse
`,
  },
};

export const DEVICE_PLUGIN: GrpcTable = {
  package: 'v1beta1',
  messages: `
Empty:
DevicePluginOptions: pre_start_required=1:bool get_preferred_allocation_available=2:bool
RegisterRequest: version=1 endpoint=2 resource_name=3 options=4:DevicePluginOptions
ListAndWatchResponse: devices=1:Device[]
TopologyInfo: nodes=1:NUMANode[]
NUMANode: ID=1:int64
Device: ID=1 health=2 topology=3:TopologyInfo
PreStartContainerRequest: devices_ids=1:string[]
PreStartContainerResponse:
PreferredAllocationRequest: container_requests=1:ContainerPreferredAllocationRequest[]
ContainerPreferredAllocationRequest: available_deviceIDs=1:string[] must_include_deviceIDs=2:string[] allocation_size=3:int32
PreferredAllocationResponse: container_responses=1:ContainerPreferredAllocationResponse[]
ContainerPreferredAllocationResponse: deviceIDs=1:string[]
AllocateRequest: container_requests=1:ContainerAllocateRequest[]
ContainerAllocateRequest: devices_ids=1:string[]
CDIDevice: name=1
AllocateResponse: container_responses=1:ContainerAllocateResponse[]
ContainerAllocateResponse: envs=1:map:string mounts=2:Mount[] devices=3:DeviceSpec[] annotations=4:map:string cdi_devices=5:CDIDevice[]
Mount: container_path=1 host_path=2 read_only=3:bool
DeviceSpec: container_path=1 host_path=2 permissions=3
`,
  services: {
    Registration: `
Register: RegisterRequest Empty
`,
    DevicePlugin: `
GetDevicePluginOptions: Empty DevicePluginOptions
ListAndWatch: Empty stream:ListAndWatchResponse
GetPreferredAllocation: PreferredAllocationRequest PreferredAllocationResponse
Allocate: AllocateRequest AllocateResponse
PreStartContainer: PreStartContainerRequest PreStartContainerResponse
`,
  },
};

/** `version`: v1, or v1beta1, whose messages are the same. */
export function draPlugin(version: 'v1' | 'v1beta1'): GrpcTable {
  return {
    package: `k8s.io.kubelet.pkg.apis.dra.${version}`,
    messages: `
Claim: namespace=1 uid=2 name=3
Device: request_names=1:string[] pool_name=2 device_name=3 cdi_device_ids=4:string[] share_id=5
NodePrepareResourcesRequest: claims=1:Claim[]
NodePrepareResourcesResponse: claims=1:map:NodePrepareResourceResponse
NodePrepareResourceResponse: devices=1:Device[] error=2
NodeUnprepareResourcesRequest: claims=1:Claim[]
NodeUnprepareResourcesResponse: claims=1:map:NodeUnprepareResourceResponse
NodeUnprepareResourceResponse: error=1
`,
    services: {
      DRAPlugin: `
NodePrepareResources: NodePrepareResourcesRequest NodePrepareResourcesResponse
NodeUnprepareResources: NodeUnprepareResourcesRequest NodeUnprepareResourcesResponse
`,
    },
  };
}

export const POD_RESOURCES: GrpcTable = {
  package: 'v1',
  messages: `
AllocatableResourcesRequest:
AllocatableResourcesResponse: devices=1:ContainerDevices[] cpu_ids=2:int64[]
ListPodResourcesRequest:
ListPodResourcesResponse: pod_resources=1:PodResources[]
PodResources: name=1 namespace=2 containers=3:ContainerResources[]
ContainerResources: name=1 devices=2:ContainerDevices[] cpu_ids=3:int64[] dynamic_resources=5:DynamicResource[]
ContainerDevices: resource_name=1 device_ids=2:string[] topology=3:TopologyInfo
TopologyInfo: nodes=1:NUMANode[]
NUMANode: ID=1:int64
DynamicResource: claim_name=2 claim_namespace=3 claim_resources=4:ClaimResource[]
ClaimResource: cdi_devices=1:CDIDevice[] driver_name=2 pool_name=3 device_name=4 share_id=5
CDIDevice: name=1
GetPodResourcesRequest: pod_name=1 pod_namespace=2
GetPodResourcesResponse: pod_resources=1:PodResources
`,
  services: {
    PodResourcesLister: `
List: ListPodResourcesRequest ListPodResourcesResponse
GetAllocatableResources: AllocatableResourcesRequest AllocatableResourcesResponse
Get: GetPodResourcesRequest GetPodResourcesResponse
`,
  },
};

export const DRA_HEALTH: GrpcTable = {
  package: 'v1alpha1',
  messages: `
NodeWatchResourcesRequest:
DeviceIdentifier: pool_name=1 device_name=2
DeviceHealth: device=1:DeviceIdentifier health=2:int32 last_updated_time=3:int64 health_check_timeout_seconds=4:int64 message=5
NodeWatchResourcesResponse: devices=1:DeviceHealth[]
`,
  services: {
    DRAResourceHealth: `
NodeWatchResources: NodeWatchResourcesRequest stream:NodeWatchResourcesResponse
`,
  },
};
