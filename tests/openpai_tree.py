"""A small tree in OpenPAI's form, and a configuration for it. Its parsers are written as people wrote them for Python 2."""

from collections.abc import Iterable, Mapping

from paiwatch.releases.release import Desired
from paiwatch.settings.sections import Logging
from paiwatch.snapshot import Entry, Mode, Revision, Snapshot, Tree, blob_id
from paiwatch.survey import Survey
from paiwatch.survey.rendering import expect

LAYOUT = """\
machine-sku:
  small: {mem: 4Gi}
  big: {mem: 64Gi, computing-device: {type: acme.com/chip, count: 2}}
machine-list:
  - {hostname: zeus, hostip: 10.0.0.1, machine-type: small, pai-master: "true"}
  - {hostname: hera, hostip: 10.0.0.2, machine-type: big, pai-worker: "true"}
"""

SERVICES = """\
cluster:
  common: {cluster-id: olymp, secure: "true"}
rest-server:
  port: 8000
  password: nectar-and-ambrosia
"""

_CLUSTER = """\
class Cluster(object):
    def __init__(self, layout, override, default):
        self.section = dict(default, **override)

    def validation_pre(self):
        return 'common' in self.section, 'common is missing'

    def run(self):
        self.section['code'] = '{}'.encode('base64').replace('\\n', '')
        return self.section

    def validation_post(self, model):
        return True, None
"""

_REST_SERVER = """\
import urllib
import urlparse


class RestServer:
    def __init__(self, layout, override, default):
        self.layout, self.section = layout, dict(default, **override)

    def validation_pre(self):
        if 'password' not in self.section:
            return False, 'a password is needed'
        return True, None

    def run(self):
        masters = filter(lambda one: one.get('pai-master') == 'true', self.layout['machine-list'])
        query = urllib.urlencode({'q': 'a b'}).replace('+', '%20')
        keys = self.section.keys()
        keys.sort()
        self.section['uri'] = urlparse.urljoin('http://%s:%s' % (masters[0]['hostip'], self.section['port']), '?' + query)
        self.section['keys'] = ','.join(keys)
        return self.section

    def validation_post(self, model):
        if type(self.section['port']) != int:
            return False, 'port should be a number'
        return True, None
"""

_K8S_MAIL = """\
import os


class K8SMail:
    def __init__(self, layout, override, default):
        self.section = override

    def validation_pre(self):
        return True, None

    def run(self):
        letters = os.path.join(os.path.abspath(__file__), '../../deploy/letters')
        self.section['letters'] = os.listdir(os.path.normpath(letters))
        return {key: value for key, value in self.section.iteritems()}

    def validation_post(self, model):
        return 'uri' in model['rest-server'], 'rest-server.uri is needed'
"""

_DEPLOYMENT = """\
kind: Deployment
spec:
  template:
    spec:
      containers:
      - env:
        - name: URI
          value: {{ cluster_cfg['rest-server']['uri'] }}
        - name: PASSWORD
          value: {{ cluster_cfg['rest-server'].password }}
"""

SRC: Mapping[str, str] = {
    "src/cluster/config/cluster.py": _CLUSTER,
    "src/cluster/config/cluster.yaml": 'common:\n  cluster-id: default\n  secure: "false"\n',
    "src/rest-server/config/rest_server.py": _REST_SERVER,
    "src/rest-server/config/rest-server.yaml": "port: 80\nlimits: {small: 1, large: 9}\n",
    "src/rest-server/deploy/service.yaml": (
        "cluster-type: [k8s, yarn]\ntemplate-list: [server.yaml, start.sh]\nstart-script: start.sh\n"
        "refresh-script: refresh.sh\ndeploy-rules:\n- in: pai-master\n"
    ),
    "src/rest-server/deploy/server.yaml.template": _DEPLOYMENT,
    "src/rest-server/deploy/start.sh.template": (
        "{% if cluster_cfg['cluster']['common']['secure'] != 'false' %}echo safe{% endif %}\n"
        "echo {{ cluster_cfg['rest-server'].limits.large }}\n"
    ),
    "src/rest-server/deploy/refresh.sh": "#!/bin/bash\npushd x\npopd\n",
    "src/k8s-mail/config/k8s_mail.py": _K8S_MAIL,
    "src/k8s-mail/deploy/letters/b": "",
    "src/k8s-mail/deploy/letters/a": "",
    "src/k8s-mail/deploy/service.yaml": (
        "prerequisite: [gone]\ntemplate-list: [list]\nstart-script: start.sh\nrefresh-script: nowhere.sh\n"
    ),
    "src/k8s-mail/deploy/start.sh": "true\n",
    "src/k8s-mail/deploy/list.template": (
        "{% for host in cluster_cfg.layout['machine-list'] %}{{ host }} {% endfor %}"
        "{{ cluster_cfg['k8s-mail'].letters }}{{ cluster_cfg.absent }}\n"
    ),
    "src/lonely/deploy/service.yaml": "start-script: start.sh\ntemplate-list: [out]\n",
    "src/lonely/deploy/start.sh": "true\n",
    "src/lonely/deploy/out.template": "{{ cluster_cfg.layout.kubernetes['api-servers-url'] }}\n",
    "src/elsewhere/deploy/service.yaml": "cluster-type: [yarn]\nstart-script: start.sh\n",
    "src/elsewhere/deploy/start.sh": "true\n",
}


class Olympus:
    """Both trees in memory, and a survey of them."""

    def __init__(self, **files: str) -> None:
        """`services` and `layout` replace the configuration's files."""
        self.config = {
            "conf/layout.yaml": files.get("layout", LAYOUT),
            "conf/services-configuration.yaml": files.get("services", SERVICES),
            "conf/config.yaml": "ignored: [\n",
        }
        self.src = dict(SRC)
        self.seconds = 20.0
        self._blobs: dict[str, bytes] = {}
        self.survey = self.another()

    def another(self) -> Survey:
        """A survey without memory."""
        return Survey(strict=None, secret_keys=Logging().secret_keys, parser_timeout=self.seconds)

    def look(self, survey: Survey | None = None) -> Desired:
        return (survey or self.survey).look(self.snapshot(), self.read, self.read)

    def rendered(self, service: str, path: str) -> str:
        """One rendered file of the last look."""
        return expect(self.survey.rendering.render(service)).contents[path].decode()

    def snapshot(self) -> Snapshot:
        return Snapshot(config=self._tree(self.config, "conf"), src=self._tree(self.src, "src"))

    def read(self, oids: Iterable[str]) -> Mapping[str, bytes]:
        return {oid: self._blobs[oid] for oid in oids}

    def _tree(self, texts: Mapping[str, str], folder: str) -> Tree:
        files = {}
        for path, text in sorted(texts.items()):
            oid = blob_id(text.encode())
            self._blobs[oid] = text.encode()
            files[path] = Entry(Mode.FILE, oid)
        state = "".join(f"{path}{entry}" for path, entry in files.items())
        return Tree(revision=Revision(id=blob_id(state.encode())), folder=folder, files=files)
