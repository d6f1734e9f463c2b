// Field names, numbers and types of the CRI v1 messages that Minke sends and reads, as a table.
// Source of the facts: https://github.com/kubernetes/cri-api/blob/master/pkg/apis/runtime/v1/api.proto

/** `Message: field=number[:type]…`; without a type it is a string, `[]` repeats, `map:` has strings for keys. */
export const MESSAGES = `
Empty:
VersionRequest: version=1
VersionResponse: version=1 runtime_name=2 runtime_version=3 runtime_api_version=4
RunPodSandboxRequest: config=1:PodSandboxConfig runtime_handler=2
RunPodSandboxResponse: pod_sandbox_id=1
PodSandboxConfig: metadata=1:PodSandboxMetadata hostname=2 log_directory=3 dns_config=4:DNSConfig port_mappings=5:PortMapping[] labels=6:map:string annotations=7:map:string linux=8:LinuxPodSandboxConfig
PodSandboxMetadata: name=1 uid=2 namespace=3 attempt=4:uint32
DNSConfig: servers=1:string[] searches=2:string[] options=3:string[]
PortMapping: protocol=1:Protocol container_port=2:int32 host_port=3:int32 host_ip=4
LinuxPodSandboxConfig: cgroup_parent=1 security_context=2:LinuxSandboxSecurityContext sysctls=3:map:string overhead=4:LinuxContainerResources resources=5:LinuxContainerResources
LinuxSandboxSecurityContext: namespace_options=1:NamespaceOption selinux_options=2:SELinuxOption run_as_user=3:Int64Value run_as_group=8:Int64Value readonly_rootfs=4:bool supplemental_groups=5:int64[] supplemental_groups_policy=11:SupplementalGroupsPolicy privileged=6:bool seccomp=9:SecurityProfile apparmor=10:SecurityProfile
NamespaceOption: network=1:NamespaceMode pid=2:NamespaceMode ipc=3:NamespaceMode target_id=4 userns_options=5:UserNamespace
UserNamespace: mode=1:NamespaceMode uids=2:IDMapping[] gids=3:IDMapping[]
IDMapping: host_id=1:uint32 container_id=2:uint32 length=3:uint32
SELinuxOption: user=1 role=2 type=3 level=4
Int64Value: value=1:int64
UInt64Value: value=1:uint64
SecurityProfile: profile_type=1:ProfileType localhost_ref=2
LinuxContainerResources: cpu_period=1:int64 cpu_quota=2:int64 cpu_shares=3:int64 memory_limit_in_bytes=4:int64 oom_score_adj=5:int64 cpuset_cpus=6 cpuset_mems=7 hugepage_limits=8:HugepageLimit[] unified=9:map:string memory_swap_limit_in_bytes=10:int64
HugepageLimit: page_size=1 limit=2:uint64
PodSandboxId: pod_sandbox_id=1
PodSandboxStatusResponse: status=1:PodSandboxStatus
PodSandboxStatus: id=1 metadata=2:PodSandboxMetadata state=3:PodSandboxState created_at=4:int64 network=5:PodSandboxNetworkStatus labels=7:map:string annotations=8:map:string runtime_handler=9
PodSandboxNetworkStatus: ip=1 additional_ips=2:PodIP[]
PodIP: ip=1
ContainerStatus: id=1 metadata=2:ContainerMetadata state=3:ContainerState created_at=4:int64 started_at=5:int64 finished_at=6:int64 exit_code=7:int32 image=8:ImageSpec image_ref=9 reason=10 message=11 labels=12:map:string annotations=13:map:string mounts=14:Mount[] log_path=15 resources=16:ContainerResources image_id=17 user=18:ContainerUser stop_signal=19:Signal
ContainerMetadata: name=1 attempt=2:uint32
ImageSpec: image=1 annotations=2:map:string user_specified_image=18
Mount: container_path=1 host_path=2 readonly=3:bool selinux_relabel=4:bool propagation=5:MountPropagation recursive_read_only=8:bool image=9:ImageSpec image_sub_path=10
ContainerResources: linux=1:LinuxContainerResources
ContainerUser: linux=1:LinuxContainerUser
LinuxContainerUser: uid=1:int64 gid=2:int64 supplemental_groups=3:int64[]
ListPodSandboxResponse: items=1:PodSandbox[]
PodSandbox: id=1 metadata=2:PodSandboxMetadata state=3:PodSandboxState created_at=4:int64 labels=5:map:string annotations=6:map:string runtime_handler=7
CreateContainerRequest: pod_sandbox_id=1 config=2:ContainerConfig sandbox_config=3:PodSandboxConfig
ContainerConfig: metadata=1:ContainerMetadata image=2:ImageSpec command=3:string[] args=4:string[] working_dir=5 envs=6:KeyValue[] mounts=7:Mount[] devices=8:Device[] labels=9:map:string annotations=10:map:string log_path=11 stdin=12:bool stdin_once=13:bool tty=14:bool linux=15:LinuxContainerConfig CDI_devices=17:CDIDevice[] stop_signal=18:Signal
CDIDevice: name=1
KeyValue: key=1 value=2
Device: container_path=1 host_path=2 permissions=3
LinuxContainerConfig: resources=1:LinuxContainerResources security_context=2:LinuxContainerSecurityContext
LinuxContainerSecurityContext: capabilities=1:Capability privileged=2:bool namespace_options=3:NamespaceOption selinux_options=4:SELinuxOption run_as_user=5:Int64Value run_as_group=12:Int64Value run_as_username=6 readonly_rootfs=7:bool supplemental_groups=8:int64[] supplemental_groups_policy=17:SupplementalGroupsPolicy no_new_privs=11:bool masked_paths=13:string[] readonly_paths=14:string[] seccomp=15:SecurityProfile apparmor=16:SecurityProfile
Capability: add_capabilities=1:string[] drop_capabilities=2:string[]
ContainerId: container_id=1
StopContainerRequest: container_id=1 timeout=2:int64
ListContainersResponse: containers=1:Container[]
Container: id=1 pod_sandbox_id=2 metadata=3:ContainerMetadata image=4:ImageSpec image_ref=5 state=6:ContainerState created_at=7:int64 labels=8:map:string annotations=9:map:string image_id=10
ContainerStatusResponse: status=1:ContainerStatus
UpdateContainerResourcesRequest: container_id=1 linux=2:LinuxContainerResources
UpdatePodSandboxResourcesRequest: pod_sandbox_id=1 overhead=2:LinuxContainerResources resources=3:LinuxContainerResources
ExecSyncRequest: container_id=1 cmd=2:string[] timeout=3:int64
ExecSyncResponse: stdout=1:bytes stderr=2:bytes exit_code=3:int32
ExecRequest: container_id=1 cmd=2:string[] tty=3:bool stdin=4:bool stdout=5:bool stderr=6:bool
AttachRequest: container_id=1 stdin=2:bool tty=3:bool stdout=4:bool stderr=5:bool
PortForwardRequest: pod_sandbox_id=1 port=2:int32[]
UrlResponse: url=1
PodSandboxStatsResponse: stats=1:PodSandboxStats
ListPodSandboxStatsResponse: stats=1:PodSandboxStats[]
PodSandboxStats: attributes=1:PodSandboxAttributes linux=2:LinuxPodSandboxStats
PodSandboxAttributes: id=1 metadata=2:PodSandboxMetadata
LinuxPodSandboxStats: cpu=1:CpuUsage memory=2:MemoryUsage network=3:NetworkUsage process=4:ProcessUsage containers=5:ContainerStats[]
CpuUsage: timestamp=1:int64 usage_core_nano_seconds=2:UInt64Value usage_nano_cores=3:UInt64Value
MemoryUsage: timestamp=1:int64 working_set_bytes=2:UInt64Value available_bytes=3:UInt64Value usage_bytes=4:UInt64Value rss_bytes=5:UInt64Value page_faults=6:UInt64Value major_page_faults=7:UInt64Value
NetworkUsage: timestamp=1:int64 default_interface=2:NetworkInterfaceUsage
NetworkInterfaceUsage: name=1 rx_bytes=2:UInt64Value rx_errors=3:UInt64Value tx_bytes=4:UInt64Value tx_errors=5:UInt64Value
ProcessUsage: timestamp=1:int64 process_count=2:UInt64Value
ContainerStats: attributes=1:ContainerAttributes cpu=2:CpuUsage memory=3:MemoryUsage writable_layer=4:FilesystemUsage
ContainerAttributes: id=1 metadata=2:ContainerMetadata
FilesystemUsage: timestamp=1:int64 fs_id=2:FilesystemIdentifier used_bytes=3:UInt64Value inodes_used=4:UInt64Value
FilesystemIdentifier: mountpoint=1
StatusResponse: status=1:RuntimeStatus runtime_handlers=3:RuntimeHandler[] features=4:RuntimeFeatures
RuntimeHandler: name=1 features=2:RuntimeHandlerFeatures
RuntimeHandlerFeatures: recursive_read_only_mounts=1:bool user_namespaces=2:bool
RuntimeFeatures: supplemental_groups_policy=1:bool
RuntimeStatus: conditions=1:RuntimeCondition[]
RuntimeCondition: type=1 status=2:bool reason=3 message=4
ContainerEventResponse: container_id=1 container_event_type=2:ContainerEventType created_at=3:int64 pod_sandbox_status=4:PodSandboxStatus
ListImagesResponse: images=1:Image[]
Image: id=1 repo_tags=2:string[] repo_digests=3:string[] size=4:uint64 uid=5:Int64Value username=6 pinned=8:bool
ImageRequest: image=1:ImageSpec
ImageStatusResponse: image=1:Image
PullImageRequest: image=1:ImageSpec auth=2:AuthConfig
AuthConfig: username=1 password=2 auth=3 server_address=4 identity_token=5 registry_token=6
PullImageResponse: image_ref=1
ImageFsInfoResponse: image_filesystems=1:FilesystemUsage[]
`;

export const ENUMS = `
Protocol: TCP UDP SCTP
MountPropagation: PROPAGATION_PRIVATE PROPAGATION_HOST_TO_CONTAINER PROPAGATION_BIDIRECTIONAL
NamespaceMode: POD CONTAINER NODE TARGET
SupplementalGroupsPolicy: Merge Strict
ProfileType: RuntimeDefault Unconfined Localhost
PodSandboxState: SANDBOX_READY SANDBOX_NOTREADY
ContainerState: CONTAINER_CREATED CONTAINER_RUNNING CONTAINER_EXITED CONTAINER_UNKNOWN
ContainerEventType: CONTAINER_CREATED_EVENT CONTAINER_STARTED_EVENT CONTAINER_STOPPED_EVENT CONTAINER_DELETED_EVENT
Signal: RUNTIME_DEFAULT SIGABRT SIGALRM SIGBUS SIGCHLD SIGCLD SIGCONT SIGFPE SIGHUP SIGILL SIGINT SIGIO SIGIOT SIGKILL SIGPIPE SIGPOLL SIGPROF SIGPWR SIGQUIT SIGSEGV SIGSTKFLT SIGSTOP SIGSYS SIGTERM SIGTRAP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGUSR1 SIGUSR2 SIGVTALRM SIGWINCH SIGXCPU SIGXFSZ
`;

/** `Method: Request Response`; messages that are alike share one entry of the table, because only numbers and types go over the wire. */
export const RUNTIME_METHODS = `
Version: VersionRequest VersionResponse
Status: Empty StatusResponse
RunPodSandbox: RunPodSandboxRequest RunPodSandboxResponse
StopPodSandbox: PodSandboxId Empty
RemovePodSandbox: PodSandboxId Empty
PodSandboxStatus: PodSandboxId PodSandboxStatusResponse
ListPodSandbox: Empty ListPodSandboxResponse
CreateContainer: CreateContainerRequest ContainerId
StartContainer: ContainerId Empty
StopContainer: StopContainerRequest Empty
RemoveContainer: ContainerId Empty
ListContainers: Empty ListContainersResponse
ContainerStatus: ContainerId ContainerStatusResponse
UpdateContainerResources: UpdateContainerResourcesRequest Empty
UpdatePodSandboxResources: UpdatePodSandboxResourcesRequest Empty
ReopenContainerLog: ContainerId Empty
ExecSync: ExecSyncRequest ExecSyncResponse
Exec: ExecRequest UrlResponse
Attach: AttachRequest UrlResponse
PortForward: PortForwardRequest UrlResponse
PodSandboxStats: PodSandboxId PodSandboxStatsResponse
ListPodSandboxStats: Empty ListPodSandboxStatsResponse
GetContainerEvents: Empty stream:ContainerEventResponse
`;

export const IMAGE_METHODS = `
ListImages: Empty ListImagesResponse
ImageStatus: ImageRequest ImageStatusResponse
PullImage: PullImageRequest PullImageResponse
RemoveImage: ImageRequest Empty
ImageFsInfo: Empty ImageFsInfoResponse
`;
