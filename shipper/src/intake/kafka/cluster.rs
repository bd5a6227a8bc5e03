//! The brokers of a cluster: which there are, who leads which partition, and a connection to each that is needed.
//!
//! Promises: a broker that does not answer costs its own connection only; who leads is asked anew when a broker says
//! that it does not, when a connection breaks, and every few minutes, so that new partitions are noticed.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

use super::connection::{Call, Connection, Trouble};
use crate::config;

/// How long what the brokers said is believed.
const BELIEVED: Duration = Duration::from_secs(300);

/// Brokers and partitions that are kept, at most; more than Kafka can have.
const MOST: usize = 200_000;

type Address = (String, u16);

/// A cluster, as it told of itself.
pub(super) struct Cluster {
    config: config::Kafka,
    /// Brokers to ask first.
    known: Vec<Address>,
    /// Which of them is asked next.
    turn: usize,
    brokers: BTreeMap<i32, Address>,
    /// Who leads each partition; None where nobody does.
    leaders: Vec<Option<i32>>,
    asked: Option<Instant>,
    connections: BTreeMap<i32, Connection>,
}

impl Cluster {
    pub(super) fn new(config: &config::Kafka) -> Result<Cluster, String> {
        let known = config.brokers.iter().map(|broker| {
            let (host, port) = broker.rsplit_once(':')?;
            Some((host.trim_matches(['[', ']']).to_owned(), port.parse().ok()?))
        });
        let known = known.collect::<Option<Vec<_>>>().filter(|known| !known.is_empty());
        let known = known.ok_or("brokers is a list of one `host:port` or more")?;
        Ok(Cluster {
            config: config.clone(),
            known,
            turn: 0,
            brokers: BTreeMap::new(),
            leaders: Vec::new(),
            asked: None,
            connections: BTreeMap::new(),
        })
    }

    /// How many partitions the topic has; asks the brokers where that is not known, or not any more.
    pub(super) async fn partitions(&mut self) -> Result<usize, Trouble> {
        if self.asked.is_none_or(|asked| asked.elapsed() > BELIEVED) {
            self.ask().await?;
        }
        Ok(self.leaders.len())
    }

    /// Who leads a partition.
    pub(super) fn leader(&self, partition: i32) -> Option<i32> {
        usize::try_from(partition).ok().and_then(|at| self.leaders.get(at)).copied().flatten()
    }

    /// What the brokers said is not true any more.
    pub(super) fn doubt(&mut self) {
        self.asked = None;
    }

    /// Ends all connections, so that the next ones show credentials and certificates as they are then.
    pub(super) fn disconnect(&mut self) {
        self.connections.clear();
        self.doubt();
    }

    /// The connection to a broker.
    pub(super) async fn broker(&mut self, id: i32) -> Result<&mut Connection, Trouble> {
        if !self.connections.get(&id).is_some_and(Connection::is_good) {
            self.connections.remove(&id);
            let Some((host, port)) = self.brokers.get(&id) else {
                self.doubt();
                return Err(Trouble::Lost(format!("the cluster tells of no broker {id}")));
            };
            let opened = Connection::open(host, *port, &self.config).await;
            let connection = opened.inspect_err(|_| self.asked = None)?;
            self.connections.insert(id, connection);
        }
        Ok(self.connections.get_mut(&id).expect("it was put there"))
    }

    /// One call on a broker; a connection that breaks is forgotten, and with it who leads.
    pub(super) async fn call<C: Call>(&mut self, id: i32, call: &C) -> Result<C::Answer, Trouble> {
        let answer = self.broker(id).await?.call(call).await;
        if matches!(answer, Err(Trouble::Lost(_))) {
            self.connections.remove(&id);
            self.doubt();
        }
        answer
    }

    async fn ask(&mut self) -> Result<(), Trouble> {
        let topic = TopicName(StrBytes::from_string(self.config.topic.clone()));
        let topic = MetadataRequestTopic::default().with_name(Some(topic));
        let request =
            MetadataRequest::default().with_topics(Some(vec![topic])).with_allow_auto_topic_creation(false);
        let good = self.connections.iter().find(|(_, connection)| connection.is_good()).map(|(&id, _)| id);
        if let Some(id) = good
            && let Ok(told) = self.call(id, &request).await
        {
            return self.believe(told);
        }
        let mut trouble = Trouble::Lost("there is no broker to ask".to_owned());
        for _ in 0..self.known.len() {
            let (host, port) = self.known[self.turn % self.known.len()].clone();
            let asked = match Connection::open(&host, port, &self.config).await {
                Ok(mut connection) => connection.call(&request).await,
                Err(trouble) => Err(trouble),
            };
            match asked {
                Ok(told) => return self.believe(told),
                Err(why) => trouble = why,
            }
            self.turn = self.turn.wrapping_add(1);
        }
        Err(trouble)
    }

    fn believe(&mut self, told: MetadataResponse) -> Result<(), Trouble> {
        let Some(topic) = told.topics.first() else {
            return Err(Trouble::Lost("the brokers say nothing of the topic".to_owned()));
        };
        if topic.error_code != 0 {
            return Err(Trouble::refused(topic.error_code, None));
        }
        let address = |host: &str, port: i32| Some((host.to_owned(), u16::try_from(port).ok()?));
        let brokers = told.brokers.iter().take(MOST);
        self.brokers = brokers
            .filter_map(|broker| Some((broker.node_id.0, address(&broker.host, broker.port)?)))
            .collect();
        let brokers = &self.brokers;
        self.connections.retain(|id, _| brokers.contains_key(id));
        self.leaders = vec![None; topic.partitions.len().min(MOST)];
        for partition in &topic.partitions {
            let place = usize::try_from(partition.partition_index).ok();
            if let Some(leader) = place.and_then(|place| self.leaders.get_mut(place)) {
                *leader = Some(partition.leader_id.0).filter(|&id| id >= 0);
            }
        }
        self.asked = Some(Instant::now());
        Ok(())
    }
}
